import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { ControllerChange } from '../../core/api/controller.ts'
import { BILLED_SERVICE, type BillingRig, openBillingRig } from '../../testing/billing-rig.ts'
import type { CommerceFault } from '../../testing/commerce-server.ts'
import { openControllerRig } from '../../testing/controller-rig.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { until } from '../../testing/until.ts'

/** Turn the clock on in steps that let what falls due be done. */
async function wait({ timers }: BillingRig, seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed += 5) {
    timers.advance(5_000)
    for (let turns = 0; turns < 20; turns += 1) await setImmediate()
  }
}

/** Long, but where the fault is that no answer comes. */
const timeoutOf = (fault: CommerceFault) => (fault === 'silent' ? 1_000 : 10_000)

const revocations = ({ rig }: BillingRig) =>
  rig.changes.filter(
    (change): change is Extract<ControllerChange, { change: 'access-revoked' }> =>
      change.change === 'access-revoked',
  )

suite('openSession() where dials are paid for', () => {
  test('is metered, and asks Commerce for the balance of who dials', async () => {
    await using all = await openBillingRig()
    const { metering } = await all.rig.ask('openSession', all.bob.caller, {
      body: { service: BILLED_SERVICE },
    })
    assert.match(metering?.session ?? '', /^[A-Za-z0-9_-]{43}$/)
    assert.equal(metering?.reportEveryMs, 60_000)
    await all.dial()
    assert.deepEqual(all.server.requests, ['GET /v1/billing/balance?service=tcp%2Fweb&user=bob'])
  })

  test('is refused who has no money, until there is some', async () => {
    await using all = await openBillingRig()
    for (const balance of [0, -5]) {
      all.server.books.set('bob', { balance })
      await assertRefused(all.dial(), 'insufficient-balance', /top up/)
      all.timers.advance(1_000)
    }
    all.server.books.set('bob', { balance: 5, minimum: 6 })
    await assertRefused(all.dial(), 'insufficient-balance', /6.00 USD is needed/)
    all.timers.advance(1_000)
    all.server.books.set('bob', { balance: 6, minimum: 6 })
    await all.dial()
  })

  for (const fault of ['down', 'silent', 'error', 'not-json', 'unlogged'] satisfies CommerceFault[]) {
    test(`fails closed while Commerce is ${fault}`, async () => {
      await using all = await openBillingRig({}, timeoutOf(fault))
      all.server.fault = fault
      await assertRefused(all.dial(), 'billing-failed')
      all.server.fault = undefined
      all.timers.advance(1_000)
      await all.dial()
    })
  }

  test('asks once for a storm of dials', async () => {
    await using all = await openBillingRig()
    await Promise.all(Array.from({ length: 50 }, () => all.dial()))
    assert.equal(all.server.requests.length, 1)
  })
})

suite('reportUsage()', () => {
  test('charges a stream once, by what both ends said, in whatever order and however often', async () => {
    await using all = await openBillingRig()
    const session = await all.dial()
    const host = { bytesSent: 1_000, bytesReceived: 2_000, durationMs: 50 }
    assert.equal(await all.report('host', session, host), 'taken')
    assert.deepEqual(all.charged(), [])
    for (let times = 0; times < 3; times += 1) {
      assert.equal(await all.report('dialler', session, { ...host, bytesSent: 1_200 }), 'taken')
      await all.report('host', session, host)
    }
    await until(() => all.charged().length > 0, 'Commerce has it')
    await wait(all, 120)
    assert.deepEqual(all.charged(), [['a.0', 1_200, 2_000]])
    assert.equal(all.server.books.charged()[0]?.user, 'bob')
  })

  test('charges by what one end said when the other was killed', async () => {
    await using all = await openBillingRig()
    const session = await all.dial()
    await all.report('dialler', session, { bytesSent: 100, isFinal: false })
    await all.report('host', session, { bytesSent: 700, bytesReceived: 5 })
    await wait(all, 25)
    assert.deepEqual(all.charged(), [])
    await wait(all, 10)
    await until(() => all.charged().length > 0, 'Commerce has it')
    assert.deepEqual(all.charged(), [['a.0', 700, 5]])
  })

  test('charges a long stream in parts, so that its balance goes down while it lasts', async () => {
    await using all = await openBillingRig()
    const session = await all.dial()
    await all.report('host', session, { bytesSent: 1_000, isFinal: false })
    await wait(all, 65)
    await until(() => all.charged().length > 0, 'the first part is charged')
    await all.report('host', session, { bytesSent: 1_500 })
    await all.report('dialler', session, { bytesSent: 1_500 })
    await until(() => all.charged().length > 1, 'the rest is charged')
    assert.deepEqual(all.charged(), [
      ['a.0', 1_000, 0],
      ['a.1', 500, 0],
    ])
  })

  for (const fault of ['down', 'silent', 'error', 'not-json', 'lost-answer'] satisfies CommerceFault[]) {
    test(`charges exactly once though Commerce was ${fault}, and the hub was restarted meanwhile`, async () => {
      await using all = await openBillingRig({}, timeoutOf(fault))
      const session = await all.dial()
      all.server.fault = fault
      await all.report('host', session, { bytesSent: 10 })
      await all.report('dialler', session, { bytesSent: 10 })
      await until(() => all.rig.log.fieldsOf('usage.waits').length > 0, 'it failed')
      await all.reopen()
      await until(() => all.rig.log.fieldsOf('usage.waits').length > 1, 'it failed again')
      all.server.fault = undefined
      await wait(all, 5)
      await until(() => all.charged().length > 0, 'Commerce has it')
      await wait(all, 60)
      assert.deepEqual(all.charged(), [['a.0', 10, 0]])
    })
  }

  test('refuses reports of who has nothing to do with it, and for sessions that never were', async () => {
    await using all = await openBillingRig()
    const session = await all.dial()
    const carol = await all.rig.joinAs('carol', 'three')
    const refused = [
      await all.report('dialler', session, {}, carol),
      await all.report('host', session, {}, all.bob),
      await all.report('host', `${session.slice(0, -2)}AA`, {}),
      await all.report('host', session, { service: 'tcp/other' }),
      await all.report('host', 'x', {}),
    ]
    assert.deepEqual(new Set(refused), new Set(['refused']))
    await all.report('host', session, {})
    assert.equal(await all.report('host', session, { bytesSent: 1e9 }, carol), 'refused')
  })

  test('keeps no more streams than fit, and then nobody dials, until some are charged', async () => {
    await using all = await openBillingRig({ usageRecords: 2 })
    const session = await all.dial()
    const end = async (stream: string) => {
      await all.report('host', session, { stream })
      await all.report('dialler', session, { stream })
    }
    all.server.fault = 'error'
    await end('a')
    await end('b')
    await assertRefused(end('c'), 'too-many', /2 streams wait to be charged/)
    await assertRefused(all.dial(), 'too-many')
    all.server.fault = undefined
    await wait(all, 5)
    await until(() => all.charged().length === 2, 'they are charged')
    await end('c')
    await until(() => all.charged().length === 3, 'it is charged')
    await all.dial()
  })

  test('keeps no more streams of one user than it may, and the others dial', async () => {
    await using all = await openBillingRig({ usageRecordsPerUser: 2 })
    const session = await all.dial()
    const open = (stream: string) => all.report('dialler', session, { stream, isFinal: false })
    const receipts = [await open('a'), await open('b'), await open('c'), await open('a')]
    assert.deepEqual(receipts, ['taken', 'taken', 'later', 'taken'])
    await assertRefused(all.dial(), 'too-many')
    const carol = await all.rig.joinAs('carol', 'three')
    await all.rig.ask('openSession', carol.caller, { body: { service: BILLED_SERVICE } })
    await all.report('dialler', session, { stream: 'a' })
    await all.report('host', session, { stream: 'a' })
    await until(() => all.charged().length > 0, 'one is charged')
    await until(async () => (await open('c')) === 'taken', 'there is room for another')
  })

  test('is unsupported where dials are free, and sessions are not metered', async () => {
    await using rig = await openControllerRig()
    const alice = await rig.joinAs('alice', 'one')
    await rig.ask('host', alice.caller, { params: { service: BILLED_SERVICE }, body: { access: {} } })
    const answer = await rig.ask('openSession', alice.caller, { body: { service: BILLED_SERVICE } })
    assert.equal(answer.metering, undefined)
    const reports = [
      {
        session: 'x',
        stream: 'a',
        service: BILLED_SERVICE,
        end: 'host',
        dialler: { user: 'bob', endpoint: alice.id },
        bytesSent: 0,
        bytesReceived: 0,
        durationMs: 0,
        isFinal: true,
      },
    ] as const
    await assertRefused(
      rig.ask('reportUsage', alice.caller, { body: { reports: [...reports] } }),
      'unsupported',
    )
  })
})

suite('open sessions', () => {
  test('end at both ends when the balance is gone, and the hosting side is told', async () => {
    await using all = await openBillingRig()
    await all.dial()
    await wait(all, 65)
    assert.deepEqual(revocations(all), [])
    all.server.books.set('bob', { balance: 0 })
    await wait(all, 60)
    await until(() => revocations(all).length > 0, 'the balance was asked for')
    const [{ revocation, hosts } = assert.fail()] = revocations(all)
    assert.deepEqual(
      [revocation.user, revocation.services, revocation.reason.code, hosts],
      ['bob', ['tcp/web'], 'insufficient-balance', [all.alice.id]],
    )
  })

  test('end when Commerce cannot be asked for long, not at the first miss', async () => {
    await using all = await openBillingRig()
    await all.dial()
    all.server.fault = 'error'
    const misses = () => all.rig.log.fieldsOf('balance.not-known').length
    for (let wanted = 1; wanted <= 3; wanted += 1) {
      assert.deepEqual(revocations(all), [])
      await wait(all, 60)
      await until(() => misses() >= wanted, 'it was asked for')
    }
    await until(() => revocations(all).length > 0, 'it has ended')
    assert.equal(revocations(all)[0]?.revocation.reason.code, 'billing-failed')
  })
})

test('listUsage() shows what the ends say and by how much they differ, to whom it concerns', async () => {
  await using all = await openBillingRig()
  const session = await all.dial()
  await all.report('host', session, { stream: 'a', bytesSent: 10 })
  await all.report('dialler', session, { stream: 'a', bytesSent: 10 })
  await all.report('host', session, { stream: 'b', bytesSent: 50 })
  await all.report('dialler', session, { stream: 'b', bytesSent: 20 })
  await all.report('host', session, { stream: 'c', bytesReceived: 1 })
  const list = await all.rig.ask('listUsage', all.alice.caller)
  assert.deepEqual(
    list.usage
      .map(({ stream, verdict, sentDifference, isOpen }) => [stream, verdict, sentDifference, isOpen])
      .sort(),
    [
      ['a', 'agree', 0, false],
      ['b', 'differ', 30, false],
      ['c', 'no-dialler', 0, true],
    ],
  )
  assert.deepEqual([list.total, list.verdicts], [3, { agree: 1, differ: 1, 'no-dialler': 1 }])
  const carol = await all.rig.joinAs('carol', 'three')
  assert.equal((await all.rig.ask('listUsage', carol.caller)).total, 0)
  await assertRefused(all.rig.ask('showBilling', carol.caller), 'denied')
})

test('listUsage() shows what is left to who pays, and to nobody else who is no administrator', async () => {
  await using all = await openBillingRig()
  all.server.books.set('bob', { balance: 2.5, minimum: 1 })
  await all.dial()
  const balancesOf = async (member: typeof all.bob) =>
    (await all.rig.ask('listUsage', member.caller)).balances.map(({ askedAtMs, ...balance }) => balance)
  assert.deepEqual(await balancesOf(all.bob), [
    { user: 'bob', service: 'tcp/web', available: 2_500_000, minimum: 1_000_000, currency: 'USD' },
  ])
  assert.deepEqual(await balancesOf(all.alice), [])
})
