// `node bench/http-load.ts [--rounds 3] [--seconds 5] [--connections 50 --connections 400] [--only 'plain,ztm,ssh -L']`: figure P13.
// HTTP/1.1 keep-alive (wrk, one thread; nginx, 1 KiB) through tunnels on loopback, in turns.
import { parseArgs } from 'node:util'
import { execute } from '../src/testing/programs.ts'
import { median } from './figures.ts'
import { Notes, publish, type Rival, withRivals } from './running.ts'
import { parseWrk } from './steps.ts'

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', multiple: true, default: ['50', '400'] },
    only: { type: 'string' },
  },
})
const notes = new Notes<ReturnType<typeof parseWrk>>()
let rivals: readonly Rival[] = []
await withRivals(typed.only, async all => {
  rivals = all
  for (let round = 0; round < Number(typed.rounds); round += 1)
    for (const count of typed.connections)
      for (const { name, httpPort } of all)
        await notes.take(`${name}|${count}`, async () => {
          const url = `http://127.0.0.1:${httpPort}/`
          const args = ['-t1', `-c${count}`, `-d${typed.seconds}s`, '--latency', url]
          return parseWrk((await execute('wrk', args)).stdout)
        })
})
await publish(
  'http-load',
  `HTTP/1.1 with keep-alive for ${typed.seconds} s (wrk -t1, nginx, 1 KiB) over loopback, median of ${typed.rounds} rounds in turns; ratios of the medians to ssh -L's.
Mark (P13): p50 at most 1.3 times that of another tunnel, no errors.

| connections | way | requests/s | p50, ms | p99, ms | : ssh -L, requests | : ssh -L, p50 | errors |
| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |
${typed.connections.flatMap(count => rivals.map(({ name }) => rowOf(name, count))).join('\n')}`,
)

function rowOf(name: string, count: string): string {
  const middle = (way: string, of: 'perSecond' | 'p50Ms' | 'p99Ms') =>
    median(notes.of(`${way}|${count}`).map(each => each[of]))
  const ratio = (of: 'perSecond' | 'p50Ms') => {
    const value = middle(name, of) / middle('ssh -L', of)
    return Number.isNaN(value) ? '–' : value.toFixed(2)
  }
  const errors = notes.of(`${name}|${count}`).reduce((sum, { failureCount }) => sum + failureCount, 0)
  const cells = [
    middle(name, 'perSecond').toFixed(0),
    middle(name, 'p50Ms').toFixed(2),
    middle(name, 'p99Ms').toFixed(2),
    ratio('perSecond'),
    ratio('p50Ms'),
    String(errors),
  ]
  return `| ${count} | ${name} | ${cells.join(' | ')} |`
}
