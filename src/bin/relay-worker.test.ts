import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { openRelayScene, type RelayScene } from '../testing/relay-scene.ts'
import { until } from '../testing/until.ts'
import { startRelayWorker } from './relay-worker.ts'

const PROGRAM = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  join(import.meta.dirname, 'ztm.ts'),
]

interface WorkerScene extends RelayScene {
  /** All that were started, also those that ended. */
  readonly workers: readonly ChildProcess[]
}

async function openScene(count: number, limits: object = {}): Promise<WorkerScene> {
  const workers: ChildProcess[] = []
  const start = () => {
    const child = startRelayWorker(PROGRAM)
    workers.push(child)
    return child
  }
  const scene = await openRelayScene({ hubLimits: limits, relayWorkers: { count, start } })
  return Object.assign(scene, { workers })
}

/** Pass bytes and an end. @returns what arrived */
async function pass(from: Socket, to: Socket, bytes: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = []
  from.end(bytes)
  for await (const chunk of to.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function passes([from, to]: readonly [Socket, Socket], text: string): Promise<void> {
  from.write(text)
  const [chunk] = (await once(to.resume(), 'data')) as [Buffer]
  to.pause()
  assert.equal(String(chunk), text)
}

/** Resolves when it ended; what a process that was killed leaves behind ends like any other. */
function over(socket: Socket): Promise<unknown> {
  return new Promise(resolve => socket.resume().once('close', resolve).once('end', resolve))
}

test('a worker carries a relay as the hub would: bytes both ways, ends as ends, every byte counted', async () => {
  await using scene = await openScene(1)
  const ticket = await scene.ticket()
  const dial = await scene.present(ticket, 'dial')
  const [question, answer] = [randomBytes(3_000_000), randomBytes(2_000_000)]
  // Much of it is there before the other half is, and is read by the hub itself.
  dial.write(question.subarray(0, 300_000))
  const accept = await scene.present(ticket, 'accept')
  assert.ok((await pass(dial, accept, question.subarray(300_000))).equals(question))
  assert.ok((await pass(accept, dial, answer)).equals(answer))
  await until(() => scene.mesh.hub.describe().relayCount === 0, 'the relay is closed')
  assert.equal(scene.mesh.hub.describe().relayedBytes, question.length + answer.length)
})

test('a worker passes on a break, and breaks what the hub cuts', async () => {
  await using scene = await openScene(1)
  const [dial, accept] = await scene.relay()
  await passes([dial, accept], 'x')
  const failed = once(accept.resume(), 'error')
  dial.resetAndDestroy()
  assert.equal((await failed)[0].code, 'ECONNRESET')

  const ends = await scene.relay()
  await passes(ends, 'y')
  const gone = ends.map(over)
  await scene.dialler.call(CONTROLLER_API.evict, { body: { endpoint: scene.acceptorId } })
  await Promise.all(gone)
  await until(() => scene.mesh.hub.describe().relayCount === 0, 'no relay is left')
})

test('a worker that is killed takes its own relays with it, no others, and is replaced', async () => {
  await using scene = await openScene(2)
  const relays = [await scene.relay(), await scene.relay()] as const
  for (const relay of relays) await passes(relay, 'before')
  const [first] = scene.workers
  first?.kill('SIGKILL')
  // The one with fewest relays is asked first, so each worker has one of the two.
  const died = await Promise.race(relays.map(ends => Promise.all(ends.map(over)).then(() => ends)))
  const other = relays.find(ends => ends !== died) ?? assert.fail()
  await passes(other, 'after')
  await until(() => scene.workers.length === 3, 'another one is started')
  assert.equal(scene.mesh.hub.describe().relayCount, 1)
  const next = await scene.relay()
  await passes(next, 'on the new one')
})

test('rates hold over all workers together', async () => {
  const rate = 2_000_000
  await using scene = await openScene(2, { relayRates: { userBytesPerSecond: rate } })
  const relays = [await scene.relay(), await scene.relay()]
  const bytes = randomBytes(1_000_000)
  const startMs = performance.now()
  const arrived = await Promise.all(relays.map(([dial, accept]) => pass(dial, accept, bytes)))
  const spanMs = performance.now() - startMs
  for (const each of arrived) assert.ok(each.equals(bytes))
  // A quarter of a second at once, and in each worker a lease and one read ahead.
  const ahead = rate * 0.25 + 2 * (rate * 0.05 + 65_536)
  assert.ok(spanMs >= ((2 * bytes.length - ahead) * 1_000) / rate, `${spanMs} ms`)
  await until(() => scene.mesh.hub.describe().throttledMs > 0, 'the wait is counted')
})

test('workers that cannot run leave the hub to copy by itself', async () => {
  for (const program of [['/no/such/program'], [process.execPath, '--eval', '0', '--']]) {
    await using scene = await openRelayScene({
      relayWorkers: { count: 1, start: () => startRelayWorker(program) },
    })
    // They are started for the first relay, which is lost with them.
    await scene.relay()
    await scene.mesh.logged('relay-worker.given-up')
    await passes(await scene.relay(), 'all the same')
  }
})

test('workers end with their hub, and break what they carry', async () => {
  const scene = await openScene(2)
  const relay = await scene.relay()
  await passes(relay, 'x')
  const gone = relay.map(over)
  await scene.mesh.stopHub()
  await Promise.all(gone)
  for (const { exitCode, signalCode } of scene.workers) assert.deepEqual([exitCode, signalCode], [0, null])
})
