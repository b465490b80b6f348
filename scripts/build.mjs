// Bundles src/bin/ztm.ts into dist/: a small entry, and a part for each thing a command loads only when it needs it,
// so that `ztm --version` reads next to nothing. The launcher `ztm` prefers the bundle to the source. Beside it the SDK, of
// the same parts: dist/ is a package that `npm install` takes, with `ztm/sdk` in it.
// `--outdir DIR` puts it elsewhere.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const entry = 'src/bin/ztm.ts'
const { values } = parseArgs({ options: { outdir: { type: 'string' } } })
const outdir = values.outdir === undefined ? join(root, 'dist') : resolve(values.outdir)

/**
 * Gives `await import('package')` the names it has under Node: a CommonJS package that becomes a part of its own would
 * export `default` alone.
 */
const namesOfPackages = {
  name: 'names of packages',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[@a-z]/ }, ({ kind, path, resolveDir }) =>
      kind !== 'dynamic-import' || isBuiltin(path)
        ? undefined
        : { path, namespace: 'package', pluginData: { resolveDir } },
    )
    onLoad({ filter: /./, namespace: 'package' }, async ({ path, pluginData: { resolveDir } }) => {
      // A package that loads only in the program itself is an ES module: its names are known to esbuild.
      const names = await import(path).then(Object.keys, () => undefined)
      const list = names?.filter(name => /^[\w$]+$/.test(name)).join(', ') ?? '*'
      return { contents: `export ${list === '*' ? list : `{ ${list} }`} from '${path}'`, resolveDir }
    })
  },
}

if (!existsSync(join(root, entry))) {
  console.error(`build: cannot bundle: there is no ${entry}`)
  process.exit(1)
}
// Parts are named by their content: those of the build before would stay.
rmSync(join(outdir, 'parts'), { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    ztm: entry,
    sdk: 'src/sdk/index.ts',
    app: 'src/sdk/define-app.ts',
    'app-testing': 'src/testing/app-testing.ts',
  },
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  mainFields: ['module', 'main'],
  target: 'node24',
  outExtension: { '.js': '.mjs' },
  chunkNames: 'parts/[name]-[hash]',
  // Not minified: `ztm --version` takes 26 ms of CPU time either way (Node alone 22 ms, from source 68 ms), and stack
  // traces stay readable. The maps are for NODE_OPTIONS=--enable-source-maps.
  sourcemap: true,
  legalComments: 'linked',
  // For the CommonJS packages in the bundle.
  banner: {
    js: "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);",
  },
  plugins: [namesOfPackages],
  metafile: true,
  logLevel: 'warning',
}).catch(() => process.exit(1))
// Beside them what runs first in a sandboxed process: one file, as it can read nothing else of ours.
await build({
  absWorkingDir: root,
  entryPoints: { sandboxed: 'src/sandboxed/main.ts' },
  outdir,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  outExtension: { '.js': '.mjs' },
  sourcemap: 'inline',
  logLevel: 'warning',
}).catch(() => process.exit(1))
chmodSync(join(outdir, 'ztm.mjs'), 0o755)
const { name, version, description, license, type, engines } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
const manifest = {
  ...{ name, version, description, license, type, engines },
  bin: { ztm: './ztm.mjs' },
  exports: {
    './sdk': { types: './types/src/sdk/index.d.ts', default: './sdk.mjs' },
    './app': { types: './types/src/sdk/define-app.d.ts', default: './app.mjs' },
    './app/testing': { types: './types/src/sdk/app-mesh.d.ts', default: './app-testing.mjs' },
    './package.json': './package.json',
  },
}
writeFileSync(join(outdir, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)

// What programs in TypeScript know the SDK by; `outdir` may be outside of the checkout, so it is named from here.
rmSync(join(outdir, 'types'), { recursive: true, force: true })
const tsc = join(root, 'node_modules', '.bin', 'tsc')
const { status } = spawnSync(
  tsc,
  ['-p', join(root, 'tsconfig.types.json'), '--outDir', join(outdir, 'types')],
  {
    stdio: 'inherit',
  },
)
if (status !== 0) process.exit(1)

const page = spawnSync(
  process.execPath,
  [join(root, 'scripts/build-page.mjs'), '--outdir', join(outdir, 'page')],
  {
    stdio: 'inherit',
  },
)
if (page.status !== 0) process.exit(1)

const parts = Object.entries(metafile.outputs).filter(([path]) => path.endsWith('.mjs'))
const kib = Math.round(parts.reduce((sum, [, { bytes }]) => sum + bytes, 0) / 1024)
console.log(`build: ${join(outdir, 'ztm.mjs')} and ${parts.length - 1} parts, ${kib} KiB`)
