// Everything that is tested, in order of cost: the gate, then unit, contract and simulated-mesh tests, then end to
// end with real processes. `node scripts/test.mjs src/core` runs only the test files below a path.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const only = process.argv.slice(2).map(path => path.replace(/^\.\//, ''))
const isWanted = file => only.length === 0 || only.some(path => file.startsWith(path))
const files = globSync(['src/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts'])
  .sort()
  .filter(isWanted)
const isEndToEnd = file => file.startsWith('src/e2e/')

/** A file of tests, from its start to its end. */
const FILE_TIMEOUT_MS = 300_000
const END_IN_TIME = new URL('./end-in-time.mjs', import.meta.url).href

const totals = { passed: 0, failed: 0, skipped: 0 }

async function runFiles(name, list, concurrency) {
  if (list.length === 0) return
  const started = Date.now()
  const stream = run({
    files: list,
    concurrency,
    timeout: FILE_TIMEOUT_MS,
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', END_IN_TIME],
  })
  stream.on('test:pass', event => count(event, event.skip !== undefined ? 'skipped' : 'passed'))
  stream.on('test:fail', event => count(event, 'failed'))
  const failures = []
  stream.on('test:fail', event => {
    const isFile = list.some(file => event.name.endsWith(file))
    const why = isFile ? `: ${event.details?.error?.cause?.message ?? event.details?.error?.message}` : ''
    failures.push(`${event.file ?? ''}: ${event.name}${why}`)
  })
  await new Promise((resolve, reject) => {
    stream
      .compose(spec())
      .on('data', text => process.stdout.write(text))
      .on('end', resolve)
      .on('error', reject)
  })
  console.log(`${name}: ${list.length} files in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  for (const failure of failures) console.log(`  failed: ${failure}`)
}

function count(event, result) {
  // A file and a suite are reported like tests; only what asserts something counts. But a file that fails by itself,
  // as it could not be loaded or did not end, is told nowhere else.
  if (event.details?.type === 'suite' || event.nesting === undefined) return
  const isFile = event.nesting === 0 && files.some(file => event.name.endsWith(file))
  if (isFile && result !== 'failed') return
  totals[result] += 1
}

if (only.length === 0) {
  const { status } = spawnSync(process.execPath, ['scripts/check.mjs'], { stdio: 'inherit' })
  if (status !== 0) totals.failed += 1
}
await runFiles(
  'unit, contract, simulated mesh',
  files.filter(file => !isEndToEnd(file)),
  3,
)
// They wait for processes and networks more than they compute.
await runFiles('end to end', files.filter(isEndToEnd), 2)
console.log(`tests: ${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1)
