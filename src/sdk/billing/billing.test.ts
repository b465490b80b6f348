import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { shortageOf } from '../../core/billing/balance.ts'
import { type MeshError, toMeshError } from '../../core/model/errors.ts'
import { createCommerceClient } from '../../net/commerce-client.ts'
import { openSqliteStore } from '../../store/sqlite-store.ts'
import { type CommerceFault, startCommerceServer } from '../../testing/commerce-server.ts'
import { createManualTimers } from '../../testing/manual-timers.ts'
import { createRecordedLog } from '../../testing/recorded-log.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { until } from '../../testing/until.ts'
import { MAX_RECHECK_FAILURES, openCommerceBilling } from './commerce-billing.ts'
import { createBilling } from './create-billing.ts'

const WEB = 'tcp/web'

async function openRig(timeoutMs = 10_000) {
  const folder = makeScratchFolder()
  const server = await startCommerceServer({ file: folder.file('commerce.db') })
  const store = await openSqliteStore(folder.file('spool.db'))
  const client = createCommerceClient({ url: server.url, token: async () => 'user:bob', timeoutMs })
  const timers = createManualTimers()
  const log = createRecordedLog()
  let idCount = 0
  const billing = await openCommerceBilling({
    commerce: client,
    store,
    monotonicMs: timers.clock.now,
    after: timers.after,
    random: () => 1,
    makeId: () => `id${++idCount}`,
    log,
  })
  return {
    folder,
    server,
    store,
    timers,
    log,
    billing,
    async [Symbol.asyncDispose]() {
      await billing[Symbol.asyncDispose]()
      client[Symbol.dispose]()
      await store[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

function fail(error: MeshError): void {
  assert.fail(`ended: ${error.message}`)
}

suite('check()', () => {
  test('lets dial who has money, and refuses who has none with what is short', async () => {
    await using rig = await openRig()
    await rig.billing.check(WEB)
    rig.server.books.set('bob', { balance: 0.5, minimum: 1 })
    const error = toMeshError(await rig.billing.check(WEB).catch(thrown => thrown))
    assert.equal(error.code, 'insufficient-balance')
    assert.deepEqual(shortageOf(error), {
      service: WEB,
      available: 500_000,
      minimum: 1_000_000,
      currency: 'USD',
    })
    rig.server.books.set('bob', { balance: -3 })
    await assertRefused(rig.billing.check(WEB), 'insufficient-balance', /-3.00 USD/)
  })

  test('fails closed whatever Commerce does', async () => {
    await using rig = await openRig(500)
    const faults: CommerceFault[] = ['down', 'silent', 'trickle', 'error', 'not-json', 'unlogged']
    for (const fault of faults) {
      rig.server.fault = fault
      await assertRefused(rig.billing.check(WEB), 'billing-failed')
    }
  })
})

suite('open()', () => {
  test('records each stream once it is closed, once', async () => {
    await using rig = await openRig()
    const [one, two] = [
      rig.billing.open({ service: WEB, sessionId: 's1', streamId: 'a' }, fail),
      rig.billing.open({ service: WEB, sessionId: 's1' }, fail),
    ]
    one.sent(10)
    one.received(20)
    one.sent(5)
    rig.timers.advance(1_500)
    await Promise.all([one.close(), one.close(), two.close()])
    await until(() => rig.billing.pendingCount === 0, 'Commerce has them')
    assert.deepEqual(
      rig.server.books
        .charged()
        .map(({ key, bytesSent, bytesReceived, durationMs }) => [key, bytesSent, bytesReceived, durationMs])
        .sort(),
      [
        ['s1.a.0', 15, 20, 1_500],
        ['s1.id1.0', 0, 0, 1_500],
      ],
    )
  })

  test('leaves to the mesh what the mesh meters', async () => {
    await using rig = await openRig()
    const metered = rig.billing.open({ service: WEB, sessionId: 's1', isMetered: true }, fail)
    metered.sent(10)
    await metered.close()
    assert.deepEqual([rig.billing.pendingCount, rig.server.books.charged()], [0, []])
  })

  for (const fault of ['down', 'silent', 'error', 'unlogged', 'lost-answer'] satisfies CommerceFault[]) {
    test(`usage is charged exactly once though Commerce was ${fault} at first`, async () => {
      await using rig = await openRig(fault === 'silent' ? 1_000 : 10_000)
      rig.server.fault = fault
      const metered = rig.billing.open({ service: WEB, sessionId: 's1', streamId: 'a' }, fail)
      metered.sent(10)
      await metered.close()
      await until(() => rig.timers.pendingCount === 1, 'it waits')
      assert.equal((await rig.store.list('usage/')).length, 1)
      rig.timers.advance(1_000)
      await until(() => rig.timers.pendingCount === 1, 'it has tried again and waits')
      rig.server.fault = undefined
      rig.timers.advance(2_000)
      await until(() => rig.billing.pendingCount === 0, 'Commerce has it')
      assert.deepEqual(
        rig.server.books.charged().map(({ key, bytesSent }) => [key, bytesSent]),
        [['s1.a.0', 10]],
      )
    })
  }

  test('ends a stream when the balance is gone meanwhile, and records what it used', async () => {
    await using rig = await openRig()
    const ended = Promise.withResolvers<MeshError>()
    const metered = rig.billing.open({ service: WEB, sessionId: 's1', streamId: 'a' }, ended.resolve)
    metered.received(7)
    rig.timers.advance(300_000)
    await until(() => rig.timers.pendingCount === 1, 'it has looked')
    rig.server.books.set('bob', { balance: 0 })
    rig.timers.advance(300_000)
    assert.equal((await ended.promise).code, 'insufficient-balance')
    await metered.close()
    await until(() => rig.billing.pendingCount === 0, 'Commerce has it')
    assert.equal(rig.server.books.charged().length, 1)
  })

  test('ends a stream when Commerce could not be asked for long, not at the first miss', async () => {
    await using rig = await openRig()
    const ends: MeshError[] = []
    rig.billing.open({ service: WEB, sessionId: 's1' }, error => ends.push(error))
    rig.server.fault = 'error'
    for (let misses = 1; misses <= MAX_RECHECK_FAILURES; misses += 1) {
      assert.equal(ends.length, 0)
      rig.timers.advance(300_000)
      await until(() => rig.log.fieldsOf('balance.not-known').length === misses, 'it has looked')
      await until(() => rig.timers.pendingCount === 1 || ends.length > 0, 'it goes on')
    }
    assert.equal(ends[0]?.code, 'billing-failed')
  })
})

/** Run a program that uses 3,000 bytes and is killed while Commerce is down; then Commerce comes back. */
async function chargedAfterKill(state: 'closed' | 'open') {
  using folder = makeScratchFolder()
  await using server = await startCommerceServer({ file: folder.file('commerce.db') })
  if (state === 'closed') server.fault = 'lost-answer'
  const file = folder.file('spool.db')
  const program = join(import.meta.dirname, '../../testing/usage-spender.ts')
  const child = spawn(process.execPath, [program, server.url, file, state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise(resolve => child.stdout.once('data', resolve))
  const gone = new Promise(resolve => child.once('close', resolve))
  child.kill('SIGKILL')
  await gone
  server.fault = undefined
  await using spool = await openSqliteStore(file)
  await using billing = await createBilling({
    commerceUrl: server.url,
    token: async () => 'user:bob',
    spool,
    log: createRecordedLog(),
  })
  await until(() => billing.pendingCount === 0, 'Commerce has it')
  return server.books.charged().map(({ key, bytesSent, bytesReceived }) => [key, bytesSent, bytesReceived])
}

suite('createBilling()', () => {
  test('a program killed with usage on its way to Commerce: charged exactly once by its next run', async () => {
    assert.deepEqual(await chargedAfterKill('closed'), [['s1.a.0', 1_000, 2_000]])
  })

  test('a program killed with a stream open: what was counted at the last look is charged by its next run', async () => {
    assert.deepEqual(await chargedAfterKill('open'), [['s1.a.0', 1_000, 2_000]])
  })
})
