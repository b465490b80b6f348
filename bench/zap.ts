// `node bench/zap.ts [--rounds 5] [--seconds 2] [--only zap,ws] [--size 100] [--in-flight 1]`: requests per second of ZAP calls beside the same
// payload over gRPC and WebSocket, each over one TCP connection of loopback, client and server a process each. All contestants take
// each measurement one after another, in an order that turns with the rounds.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { median } from './figures.ts'
import { cpuSeconds } from './processes.ts'
import { type Caller, CONTESTANTS } from './zap-contestants.ts'

const SIZES = [100, 10_000, 1_000_000]
const IN_FLIGHT = [1, 64]

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: Object.keys(CONTESTANTS).join(',') },
    size: { type: 'string' },
    'in-flight': { type: 'string' },
    serve: { type: 'string' },
  },
})

/** What one contestant did in one measurement. */
interface Measured {
  readonly perSecond: number
  /** Processor time of client and server for one request, µs. */
  readonly cpuMicros: number
}

interface Running {
  readonly name: string
  readonly caller: Caller
  readonly server: ChildProcess
}

if (typed.serve === undefined) await compare()
else process.send?.(await CONTESTANTS[typed.serve]?.serve())

async function compare(): Promise<void> {
  const running = await Promise.all(typed.only.split(',').map(start))
  const results = new Map<string, Measured[]>()
  const sizes = typed.size === undefined ? SIZES : [Number(typed.size)]
  const inFlights = typed['in-flight'] === undefined ? IN_FLIGHT : [Number(typed['in-flight'])]
  const loads = sizes.flatMap(size => inFlights.map(inFlight => ({ size, inFlight })))
  console.log(`load average at the start: ${loadavg()[0]?.toFixed(2)}`)
  for (let round = 0; round < Number(typed.rounds); round++) {
    for (const { size, inFlight } of loads) {
      for (const index of running.keys()) {
        const one = running[(index + round) % running.length] as Running
        const key = `${size} ${inFlight} ${one.name}`
        const warmUpMs = round === 0 ? 1_000 : 200
        await load(one, size, inFlight, warmUpMs)
        results.set(key, [
          ...(results.get(key) ?? []),
          await load(one, size, inFlight, Number(typed.seconds) * 1_000),
        ])
      }
    }
  }
  for (const { caller, server } of running) {
    caller.close()
    server.kill()
  }
  console.log(`load average at the end: ${loadavg()[0]?.toFixed(2)}\n`)
  printTable(
    running.map(({ name }) => name),
    loads,
    results,
  )
}

async function start(name: string): Promise<Running> {
  const contestant = CONTESTANTS[name]
  if (contestant === undefined) throw new Error(`no contestant ${name}`)
  const server = fork(import.meta.filename, ['--serve', name])
  const [port] = (await once(server, 'message')) as [number]
  return { name, server, caller: await contestant.open(port) }
}

/** Keep `inFlight` requests under way for a while. */
async function load(
  { caller, server }: Running,
  size: number,
  inFlight: number,
  spanMs: number,
): Promise<Measured> {
  const payload = Buffer.alloc(size, 7)
  let count = 0
  const pids = [process.pid, server.pid ?? 0]
  // A process's own tree has its servers in it: of this one only its own time.
  const cpuBefore = process.cpuUsage()
  const serverBefore = cpuSeconds(pids[1] ?? 0)
  const startMs = performance.now()
  const endMs = startMs + spanMs
  const keepAsking = async () => {
    while (performance.now() < endMs) {
      const answer = await caller.call(payload)
      if (answer.length !== size) throw new Error(`${answer.length} bytes came back, not ${size}`)
      count += 1
    }
  }
  await Promise.all(Array.from({ length: inFlight }, keepAsking))
  const seconds = (performance.now() - startMs) / 1_000
  const { user, system } = process.cpuUsage(cpuBefore)
  const serverMicros = (cpuSeconds(pids[1] ?? 0) - serverBefore) * 1e6
  return { perSecond: count / seconds, cpuMicros: (user + system + serverMicros) / count }
}

function printTable(
  names: readonly string[],
  loads: readonly { size: number; inFlight: number }[],
  results: ReadonlyMap<string, readonly Measured[]>,
): void {
  console.log(
    `| bytes each way | in flight | ${names.join(', 1/s | ')}, 1/s | ${names.join(', CPU µs | ')}, CPU µs |`,
  )
  console.log(`| ---: | ---: |${' ---: |'.repeat(names.length * 2)}`)
  for (const { size, inFlight } of loads) {
    const of = (name: string) => results.get(`${size} ${inFlight} ${name}`) ?? []
    const rates = names.map(name =>
      Math.round(median(of(name).map(one => one.perSecond))).toLocaleString('en'),
    )
    const costs = names.map(name => median(of(name).map(one => one.cpuMicros)).toFixed(1))
    console.log(`| ${size.toLocaleString('en')} | ${inFlight} | ${[...rates, ...costs].join(' | ')} |`)
  }
}
