// `node bench/fairness.ts [--rounds 3] [--seconds 5] [--streams 8 --streams 64] [--only 'plain,ztm,ssh -L']`: figure P2. How streams
// beside each other share a tunnel on loopback: all together beside one alone, Jain's index, and the longest time without a byte.
import { parseArgs } from 'node:util'
import { jainIndex, median } from './figures.ts'
import { type FairResult, runLoad } from './loads.ts'
import { Notes, publish, type Rival, withRivals } from './running.ts'

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    streams: { type: 'string', multiple: true, default: ['8', '64'] },
    only: { type: 'string' },
  },
})
const DIRECTIONS = ['send', 'receive'] as const
const seconds = Number(typed.seconds)
const counts = [1, ...typed.streams.map(Number)]
const notes = new Notes<FairResult>()
let rivals: readonly Rival[] = []
await withRivals(typed.only, async all => {
  rivals = all
  for (let round = 0; round < Number(typed.rounds); round += 1)
    for (const direction of DIRECTIONS)
      for (const streamCount of counts)
        for (const { name, port } of all)
          await notes.take(`${name}|${direction}|${streamCount}`, () =>
            runLoad('fair', { port, direction, streamCount, maxSeconds: seconds }),
          )
})
await publish(
  'fairness',
  `Streams beside each other for ${typed.seconds} s over loopback, median of ${typed.rounds} rounds in turns. Marks (P2): together at least 0.95 of one
stream, Jain's index at least 0.95, no stream silent for more than 500 ms.

| way | direction | streams | Gbit/s together | : one stream | Jain's index | longest silence, ms |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
${rivals.flatMap(({ name }) => DIRECTIONS.flatMap(direction => counts.map(count => rowOf(name, direction, count)))).join('\n')}`,
)

function rowOf(name: string, direction: string, count: number): string {
  const results = notes.of(`${name}|${direction}|${count}`)
  const together = median(results.map(gigabits))
  const alone = median(notes.of(`${name}|${direction}|1`).map(gigabits))
  const cells = [
    together.toFixed(2),
    (together / alone).toFixed(2),
    median(results.map(({ bytes }) => jainIndex(bytes))).toFixed(3),
    Math.max(...results.flatMap(({ silencesMs }) => silencesMs)).toFixed(0),
  ]
  return `| ${name} | ${direction} | ${count} | ${cells.join(' | ')} |`
}

function gigabits({ bytes }: FairResult): number {
  return (bytes.reduce((sum, each) => sum + each, 0) * 8) / 1e9 / seconds
}
