// Everything that is tested, in order of cost: the gate, then unit, contract and simulated-mesh tests, then end to
// end with real processes. `node scripts/test.mjs src/core` runs only the test files below a path.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const only = process.argv.slice(2).map(path => path.replace(/^\.\//, ''))
const isWanted = file => only.length === 0 || only.some(path => file.startsWith(path))
const files = globSync(['src/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts'])
  .sort()
  .filter(isWanted)
const isEndToEnd = file => file.startsWith('src/e2e/')

/** A file of tests, from its start to its end. */
const FILE_TIMEOUT_MS = 600_000
const END_IN_TIME = new URL('./end-in-time.mjs', import.meta.url).href

/**
 * How many files run at once: as many as there are cores; half as many of those that start hubs, agents and browsers,
 * which are each as much work as a core does. `ZTM_TEST_LOAD=2` runs twice as many, to find what only holds on an idle
 * machine.
 */
const cores = availableParallelism() * Number(process.env.ZTM_TEST_LOAD ?? 1)

const failures = []
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
  stream.on('test:fail', event => {
    const isFile = list.some(file => event.name.endsWith(file))
    const isWhole =
      event.details?.type === 'suite' || (isFile && event.details?.error?.failureType === 'subtestsFailed')
    if (!isWhole)
      failures.push(`${event.file ?? ''}:${event.line ?? ''}: ${event.name}: ${whyOf(event.details?.error)}`)
  })
  await new Promise((resolve, reject) => {
    stream
      .compose(spec())
      .on('data', text => process.stdout.write(text))
      .on('end', resolve)
      .on('error', reject)
  })
  console.log(`${name}: ${list.length} files in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

/** The first lines of an error, and where in our code it arose. */
function whyOf(error) {
  const cause = error?.cause ?? error
  const lines = String(cause?.stack ?? cause?.message ?? cause).split('\n')
  const places = lines.filter(line => line.trim().startsWith('at ') && line.includes('/src/')).slice(0, 3)
  return [...lines.filter(line => !line.trim().startsWith('at ')).slice(0, 12), ...places]
    .join('\n    ')
    .slice(0, 1_500)
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
  if (status !== 0) {
    totals.failed += 1
    failures.push('the gate: see above')
  }
}
await runFiles(
  'unit, contract, simulated mesh',
  files.filter(file => !isEndToEnd(file)),
  Math.max(1, Math.round(cores)),
)
await runFiles('end to end', files.filter(isEndToEnd), Math.max(1, Math.round(cores / 2)))
// Last, where whoever sees only the end of the log finds it.
for (const failure of failures) console.log(`failed: ${failure}`)
console.log(`tests: ${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1)
