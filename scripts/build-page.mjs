// Builds the web page, src/gui, into build/page (or `--outdir DIR`), unless what is there was built of the same sources.
// Each file also lies there compressed: the agent sends it as it is.
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { brotliCompressSync, constants } from 'node:zlib'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { outdir: { type: 'string' } } })
const outdir = values.outdir === undefined ? join(root, 'build/page') : resolve(values.outdir)

const sources = [
  'src/gui/**/*',
  'assets/page/*',
  'src/core/**/*.ts',
  'src/apps/*/messages.ts',
  'package-lock.json',
  'scripts/build-page.mjs',
]
const hash = createHash('sha256')
for (const path of globSync(sources, { cwd: root, withFileTypes: true })
  .filter(entry => entry.isFile() && !entry.name.includes('.test.'))
  .map(entry => join(entry.parentPath, entry.name))
  .sort())
  hash.update(path.slice(root.length)).update('\0').update(readFileSync(path)).update('\0')
const version = hash.digest('hex')
const marker = join(outdir, 'built-of')
if (existsSync(marker) && readFileSync(marker, 'utf8') === version) process.exit(0)

const { build } = await import('vite')
await build({
  configFile: false,
  root: join(root, 'src/gui'),
  publicDir: join(root, 'assets/page'),
  logLevel: 'warn',
  html: { cspNonce: '{{nonce}}' },
  oxc: { jsx: { runtime: 'automatic' } },
  build: {
    outDir: outdir,
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_000,
    // "use client" means nothing here.
    rolldownOptions: {
      checks: { moduleLevelDirective: false },
      onLog: (level, log, tell) => log.code !== 'MODULE_LEVEL_DIRECTIVE' && tell(level, log),
    },
  },
})
for (const path of globSync('**/*.{js,css,svg}', { cwd: outdir })) {
  const file = join(outdir, path)
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9 }
  writeFileSync(`${file}.br`, brotliCompressSync(readFileSync(file), { params }))
}
writeFileSync(marker, version)
