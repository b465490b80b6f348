// Bundles src/bin/ztm.ts into dist/: a small entry, and a part for each thing a command loads only when it needs it,
// so that `ztm --version` reads next to nothing. The launcher `ztm` prefers the bundle to the source.
import { chmodSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const entry = 'src/bin/ztm.ts'

if (!existsSync(join(root, entry))) {
  console.error(`build: cannot bundle: there is no ${entry}`)
  process.exit(1)
}
// Parts are named by their content: those of the build before would stay.
rmSync(join(root, 'dist'), { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { ztm: entry },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  // The ES module of a package that has both: a CommonJS one would lose its names under `await import()`.
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
  metafile: true,
  logLevel: 'warning',
}).catch(() => process.exit(1))
chmodSync(join(root, 'dist/ztm.mjs'), 0o755)

const parts = Object.entries(metafile.outputs).filter(([path]) => path.endsWith('.mjs'))
const kib = Math.round(parts.reduce((sum, [, { bytes }]) => sum + bytes, 0) / 1024)
console.log(`build: dist/ztm.mjs and ${parts.length - 1} parts, ${kib} KiB`)
