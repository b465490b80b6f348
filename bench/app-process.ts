// `node bench/app-process.ts [--apps N]`: what an app from elsewhere costs: the time from its start until it answers, and the memory
// of its process. Of each way to run it: walled in as the computer allows, and Node alone, with nothing but an empty program.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { readProcessUsage } from '../src/agent/sandbox/process-usage.ts'
import { createAppLab } from '../src/testing/app-lab.ts'

const { values: typed } = parseArgs({ options: { apps: { type: 'string', default: '10' } } })
const count = Number(typed.apps)
const board = join(import.meta.dirname, '../examples/board')
const mebibytes: number[] = []
const startMs: number[] = []
const bareMs: number[] = []
const bareMebibytes: number[] = []

await using lab = await createAppLab()
for (let i = 0; i <= count; i += 1) {
  const started = performance.now()
  const app = await lab.start(board, lab.mesh.addEndpoint(`endpoint-${i}`))
  await app.ask('/')
  const tookMs = performance.now() - started
  await delay(1_000)
  const { state } = app.running
  const usage = state.is === 'running' ? await readProcessUsage(state.pid) : undefined
  await app[Symbol.asyncDispose]()
  // In turn with a Node that does nothing: both see the same computer. The first of each warms up.
  const bareStarted = performance.now()
  const bare = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'])
  await once(bare.stdout, 'data')
  const bareTookMs = performance.now() - bareStarted
  await delay(1_000)
  const bareUsage = await readProcessUsage(bare.pid ?? 0)
  bare.kill()
  if (i === 0) continue
  startMs.push(tookMs)
  bareMs.push(bareTookMs)
  mebibytes.push((usage?.residentBytes ?? 0) / 1_048_576)
  bareMebibytes.push((bareUsage?.residentBytes ?? 0) / 1_048_576)
}

const middle = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
console.log(
  `${count} apps, walls of ${lab.jail.walls}: ${middle(startMs).toFixed(0)} ms until it answers, ${middle(mebibytes).toFixed(0)} MiB; ` +
    `an empty Node: ${middle(bareMs).toFixed(0)} ms, ${middle(bareMebibytes).toFixed(0)} MiB`,
)
