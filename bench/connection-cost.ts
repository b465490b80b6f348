// `node bench/connection-cost.ts [--path relay] [--count 5000] [--alone 1000] [--rounds 3]`
// What one tunnelled connection (connect, one byte echoed, close; warm session) costs each process: processor time, calls of the
// system that read and write, and bytes written. Counts hold on a busy machine, too; times are comparable side by side only.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createTunnelLab, type TunnelLab } from '../src/testing/tunnel-lab.ts'
import { median } from './figures.ts'
import { runLoad, startTarget } from './loads.ts'
import { cpuSeconds, processTree } from './processes.ts'

/** Of one process since its start. */
interface Spent {
  readonly cpuUs: number
  readonly readCount: number
  readonly writeCount: number
  readonly writtenBytes: number
}

const { values: typed } = parseArgs({
  options: {
    path: { type: 'string', default: 'relay' },
    /** Connections, 50 at once. */
    count: { type: 'string', default: '5000' },
    /** Connections, one after another. */
    alone: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
  },
})
const ROLES = { hub: 'hub', work: 'inbound agent', home: 'outbound agent' } as const
const LOADS = [
  { name: '50 at once', atOnce: 50, count: Number(typed.count) },
  { name: 'one at a time', atOnce: 1, count: Number(typed.alone) },
] as const
const found = new Map<string, Spent[]>()
const times = new Map<string, number[]>()
await using lab = await createTunnelLab({ hubArgs: ['--workers', '0'], agentArgs: ['--path', typed.path] })
await using target = await startTarget()
const port = await lab.tunnel('tcp/cost', `127.0.0.1:${target.port}`)
await runLoad('connections', { port, atOnce: 50, count: 3_000, maxSeconds: 30 })
for (let round = 0; round < Number(typed.rounds); round += 1)
  for (const { name, ...load } of LOADS) {
    const before = readAll(lab)
    const { wholeP50Ms, firstByteP50Ms, failureCount } = await runLoad('connections', {
      port,
      ...load,
      maxSeconds: 60,
    })
    if (failureCount > 0) console.error(`connection-cost: ${failureCount} connections failed`)
    for (const [role, after] of readAll(lab)) note(`${name}|${role}`, before.get(role), after, load.count)
    for (const [what, ms] of [
      ['first byte', firstByteP50Ms],
      ['whole', wholeP50Ms],
    ] as const)
      times.set(`${name}|${what}`, [...(times.get(`${name}|${what}`) ?? []), ms])
  }
console.log(`Of one connection over \`${typed.path}\`, median of ${typed.rounds} rounds.

| load | process | CPU, µs | reads | writes | bytes written |
| --- | --- | ---: | ---: | ---: | ---: |
${formatRows().join('\n')}

${LOADS.map(({ name }) => `${name}: first byte p50 ${formatMs(`${name}|first byte`)}, whole p50 ${formatMs(`${name}|whole`)}`).join('; ')}.`)

function formatRows(): string[] {
  return LOADS.flatMap(({ name }) =>
    Object.values(ROLES).map(role => {
      const spent = found.get(`${name}|${role}`) ?? []
      const cell = (of: (one: Spent) => number, digits: number) => median(spent.map(of)).toFixed(digits)
      const cells = [
        cell(one => one.cpuUs, 0),
        cell(one => one.readCount, 2),
        cell(one => one.writeCount, 2),
        cell(one => one.writtenBytes, 0),
      ]
      return `| ${name} | ${role} | ${cells.join(' | ')} |`
    }),
  )
}

function formatMs(what: string): string {
  return `${median(times.get(what) ?? []).toFixed(2)} ms`
}

function note(what: string, before: Spent | undefined, after: Spent, count: number): void {
  if (before === undefined) return
  const each = (of: (one: Spent) => number) => (of(after) - of(before)) / count
  const spent = {
    cpuUs: each(one => one.cpuUs),
    readCount: each(one => one.readCount),
    writeCount: each(one => one.writeCount),
    writtenBytes: each(one => one.writtenBytes),
  }
  found.set(what, [...(found.get(what) ?? []), spent])
}

function readAll({ daemons }: TunnelLab): Map<string, Spent> {
  return new Map(
    [...daemons].map(({ name, child }) => [ROLES[name as keyof typeof ROLES], readSpent(child.pid ?? 0)]),
  )
}

function readSpent(pid: number): Spent {
  const texts = processTree(pid).map(each => readFileSync(`/proc/${each}/io`, 'utf8'))
  const sum = (field: string) =>
    texts.reduce((total, text) => total + Number(new RegExp(`^${field}: (\\d+)`, 'm').exec(text)?.[1]), 0)
  return {
    cpuUs: cpuSeconds(pid) * 1e6,
    readCount: sum('syscr'),
    writeCount: sum('syscw'),
    writtenBytes: sum('wchar'),
  }
}
