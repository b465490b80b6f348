import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { EVENTS_PATH } from '../core/api/hub-api.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { type HubVisit, visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'
import { layWire } from '../testing/wire.ts'

const RESTARTS = 20
const BACK_WITHIN_MS = 3_000

describe('a hub that goes away', { concurrency: true }, () => {
  it('finds its agents back within 3 s of its return, twenty times, and dials work by themselves', async t => {
    await using mesh = await createLocalMesh()
    await using wire = await layWire(mesh.address)
    const permit = mesh.permitVia(wire.address)
    const [host, guest] = [await mesh.join('host', { permit }), await mesh.join('guest', { permit })]
    const { service } = await hostEcho(host, 'tcp/echo')
    assert.equal(await echo(guest, service, 'before'), 'before')
    const tookMs: number[] = []
    for (let round = 0; round < RESTARTS; round++) {
      // In turn with a goodbye and without one.
      if (round % 2 === 1) wire.cut()
      await mesh.stopHub()
      await until(
        () => [host, guest].every(({ membership }) => membership.link.session === undefined),
        'it is gone',
      )
      await mesh.restartHub()
      const startedMs = performance.now()
      await Promise.all([host, guest].map(({ membership }) => membership.link.whenOnline(30_000)))
      assert.equal(await echo(guest, service, `after ${round}`), `after ${round}`)
      tookMs.push(performance.now() - startedMs)
    }
    tookMs.sort((a, b) => a - b)
    const [median, slowest] = [tookMs[RESTARTS / 2], tookMs.at(-1)].map(ms => Math.round(ms ?? 0))
    t.diagnostic(`from the hub's return to a byte: median ${median} ms, slowest ${slowest} ms`)
    assert.ok((slowest ?? 0) < BACK_WITHIN_MS, `${slowest} ms`)
  })

  it('is noticed when it answers no more, and found again when it does', async t => {
    await using mesh = await createLocalMesh()
    await using wire = await layWire(mesh.address)
    const permit = mesh.permitVia(wire.address)
    const [host, guest] = [await mesh.join('host', { permit }), await mesh.join('guest', { permit })]
    const { service } = await hostEcho(host, 'tcp/echo')
    assert.equal(await echo(guest, service, 'before'), 'before')
    const startedMs = performance.now()
    wire.freeze()
    const isAway = ({ membership }: LocalAgent) => membership.link.state.state !== 'online'
    await Promise.all([mesh.logged('link.lost', 'host'), mesh.logged('link.lost', 'guest')])
    const noticedMs = performance.now() - startedMs
    assert.ok([host, guest].every(isAway))
    wire.thaw()
    await Promise.all([host, guest].map(({ membership }) => membership.link.whenOnline(30_000)))
    assert.equal(await echo(guest, service, 'after'), 'after')
    t.diagnostic(`noticed after ${Math.round(noticedMs)} ms`)
    assert.ok(noticedMs < 20_000, `${noticedMs} ms`)
  })

  it('puts out an endpoint that is silent', async () => {
    await using mesh = await createLocalMesh({ hubLimits: { sessions: { silenceMs: 800 } } })
    const member = await mesh.member()
    using visit = await visitHub(mesh.address, member)
    const events = visit.session.request({ ':path': EVENTS_PATH }).resume()
    events.on('error', () => {})
    await once(events, 'response')
    assert.equal(mesh.hub.describe().linkCount, 1)
    await once(visit.session, 'close')
    await until(() => mesh.hub.describe().linkCount === 0, 'its link is gone')
    const ended = await mesh.logged('session.ended', 'hub')
    assert.equal(ended.fields.reason, 'silent')
  })

  it('keeps four connections of one endpoint at most', async () => {
    await using mesh = await createLocalMesh()
    const member = await mesh.member()
    const visits: HubVisit[] = []
    for (let count = 0; count < 6; count++) visits.push(await visitHub(mesh.address, member))
    await until(() => visits.filter(({ session }) => session.destroyed).length === 2, 'two are out')
    assert.deepEqual(
      visits.map(({ session }) => session.destroyed),
      [true, true, false, false, false, false],
    )
    for (const visit of visits) visit[Symbol.dispose]()
  })
})
