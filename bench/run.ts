// `npm run bench -- [--rounds N] [--only a,b] [--quick] [--write]`
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startNginx } from '../src/testing/programs.ts'
import type { Contestant } from './contestant.ts'
import { allContestants } from './contestants/all.ts'
import { machineFacts } from './facts.ts'
import type { Sample } from './figures.ts'
import { startTarget } from './loads.ts'
import { formatReport, type Run } from './report.ts'
import { type Effort, measureVersion, noteStart, type Running, STEPS } from './steps.ts'

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
const effort: Effort = typed.quick
  ? { bulkBytes: 1e8, seconds: 0.5, wrkSeconds: 1, heldCount: 200, settleMs: 500 }
  : { bulkBytes: 1e9, seconds: 2, wrkSeconds: 5, heldCount: 1_000, settleMs: 3_000 }
const rounds = Number(typed.rounds ?? (typed.quick ? 1 : 5))
const notes: string[] = []
const contestants = chooseContestants()
const facts = await machineFacts()
const date = new Date().toISOString().slice(0, 16).replace('T', ' ')
const samples: Sample[] = []
for (let round = 1; round <= rounds; round += 1) samples.push(...(await runRound(round)))

const run: Run = {
  date: `${date} UTC`,
  facts: [...facts, `load average of the last minute at the end: ${loadavg()[0]?.toFixed(2)}`],
  rounds,
  isQuick: typed.quick,
  contestants: contestants.map(({ name, shape }) => ({ name, shape })),
  samples,
  notes,
}
const report = formatReport(run)
console.log(`\n${report}`)
const out = join(import.meta.dirname, 'out')
await mkdir(out, { recursive: true })
await writeFile(join(out, `${date.replaceAll(/[ :]/g, '-')}.json`), `${JSON.stringify(run, null, 1)}\n`)
if (typed.write) await writeFile(join(import.meta.dirname, 'RESULTS.md'), report)

function chooseContestants(): Contestant[] {
  const peer = process.env.ZTM_PEER
  if (!peer) notes.push('ZTM 2.0 did not take part: `ZTM_PEER=/path/to/its/binary` was not set.')
  const all = allContestants(peer)
  const wanted = typed.only?.split(',')
  const chosen = wanted === undefined ? all : all.filter(({ name }) => wanted.includes(name))
  if (chosen.length > 0 && Number.isInteger(rounds) && rounds > 0) return chosen
  console.error(
    `bench: nothing to do: --only takes ${all.map(({ name }) => name).join(',')}, --rounds a number`,
  )
  process.exit(2)
}

/** All contestants at once, fresh; each step is taken by one after the other. */
async function runRound(round: number): Promise<Sample[]> {
  const taken: Sample[] = []
  const folder = await mkdtemp(join(tmpdir(), 'ztm-bench-'))
  await using target = await startTarget()
  await using nginx = await startNginx(folder)
  const running: Running[] = []
  try {
    for (const contestant of contestants) {
      await attempt(round, contestant, 'start', async () => {
        const started = await contestant.start([target.port, nginx.port])
        const each: Running = {
          contestant,
          started,
          targetPid: target.child.pid ?? 0,
          effort,
          note: (measure, value, role) =>
            taken.push({ contestant: contestant.name, round, measure, value, ...(role && { role }) }),
        }
        noteStart(each)
        running.push(each)
      })
    }
    for (const [index, step] of STEPS.entries()) {
      console.error(`bench: round ${round} of ${rounds}, step ${index + 1} of ${STEPS.length}`)
      for (const each of running) await attempt(round, each.contestant, `step ${index + 1}`, () => step(each))
    }
    taken.push(...(await measureVersion(round)))
  } finally {
    for (const contestant of contestants) await contestant.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return taken
}

/** One contestant's failure is a finding, not the end of the run. */
async function attempt(
  round: number,
  contestant: Contestant,
  what: string,
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
    notes.push(`Round ${round}: ${contestant.name} failed at ${what}: ${why}`)
    console.error(`bench: ${notes.at(-1)}`)
  }
}
