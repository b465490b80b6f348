import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { HUB_API } from '../core/api/hub-api.ts'
import { encodeRelayPreface } from '../core/codec/relay-preface.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Side } from '../core/registry/registry.ts'
import { type HubVisit, openEvents, visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalMesh, type LocalMeshOptions } from '../testing/local-mesh.ts'
import { openStranger, type Stranger, trickle } from '../testing/stranger.ts'
import { until } from '../testing/until.ts'

/** Two endpoints of one user with open links, and a third that listens in. */
interface Scene extends AsyncDisposable {
  readonly mesh: LocalMesh
  readonly dialler: HubVisit
  readonly acceptor: HubVisit
  readonly other: HubVisit
  /** A ticket that joins the two. */
  ticket(): Promise<string>
}

async function openScene(options: LocalMeshOptions = {}): Promise<Scene> {
  const mesh = await createLocalMesh(options)
  const members = [await mesh.member(), await mesh.member(), await mesh.member()] as const
  const [dialler, acceptor, other] = [
    await visitHub(mesh.address, members[0]),
    await visitHub(mesh.address, members[1]),
    await visitHub(mesh.address, members[2]),
  ]
  await openEvents(dialler)('hello')
  const nextOf = openEvents(acceptor)
  await nextOf('hello')
  return {
    mesh,
    dialler,
    acceptor,
    other,
    async ticket() {
      const { endpoint } = members[1].identity
      const { ticket } = await dialler.call(HUB_API.openRelay, { body: { endpoint } })
      const event = await nextOf('introduce')
      assert.deepEqual([event.ticket, event.peer], [ticket, members[0].identity.endpoint])
      return ticket
    },
    async [Symbol.asyncDispose]() {
      for (const visit of [dialler, acceptor, other]) visit[Symbol.dispose]()
      await mesh[Symbol.asyncDispose]()
    },
  }
}

const preface = (ticket: string, side: Side) =>
  Buffer.from(encodeRelayPreface({ side, ticket: Buffer.from(ticket, 'base64url') }))

async function present({ mesh }: Scene, ticket: string, side: Side, behind = ''): Promise<Stranger> {
  const half = await openStranger(mesh.address)
  half.socket.write(Buffer.concat([preface(ticket, side), Buffer.from(behind)]))
  return half
}

async function passes(from: Stranger, to: Stranger, text: string): Promise<void> {
  from.socket.write(text)
  await until(() => to.answer().toString().endsWith(text), `"${text}" has passed`)
}

/** Nothing is left of any half, ticket or relay. */
async function isClean({ mesh }: Scene): Promise<void> {
  await until(() => {
    const { strangerCount, openTicketCount, relayCount } = mesh.hub.describe()
    return strangerCount + openTicketCount + relayCount === 0
  }, 'the hub keeps nothing')
}

test('hub joins two halves with one ticket and frees it when they end', async () => {
  await using scene = await openScene()
  const ticket = await scene.ticket()
  assert.equal(scene.mesh.hub.describe().openTicketCount, 1)
  const [dial, accept] = [await present(scene, ticket, 'dial'), await present(scene, ticket, 'accept')]
  await passes(dial, accept, 'there')
  await passes(accept, dial, 'and back')
  assert.deepEqual(pick(scene), { relayCount: 1, openTicketCount: 0, strangerCount: 0 })
  dial.socket.end()
  await accept.closedAfterMs
  await isClean(scene)
})

test('hub takes a preface byte by byte, and loses none of the bytes right behind it', async () => {
  await using scene = await openScene()
  const ticket = await scene.ticket()
  const early = `early ${'e'.repeat(100_000)} end`
  const dial = await openStranger(scene.mesh.address)
  trickle(dial.socket, Buffer.concat([preface(ticket, 'dial'), Buffer.from('first ')]), 2)
  await until(() => dial.socket.bytesWritten === 43, 'the preface is out')
  dial.socket.write(early)
  const accept = await present(scene, ticket, 'accept', 'hello')
  await until(() => accept.answer().length === 6 + early.length, 'the early bytes are there')
  assert.equal(accept.answer().toString(), `first ${early}`)
  await until(() => dial.answer().toString() === 'hello', 'and those of the other half')
  dial.socket.destroy()
  await accept.closedAfterMs
  await isClean(scene)
})

test('hub refuses forged tickets at once', async () => {
  await using scene = await openScene()
  await scene.ticket()
  for (const side of ['dial', 'accept'] as const) {
    const half = await present(scene, randomBytes(32).toString('base64url'), side)
    await half.closedAfterMs
    assert.equal(half.answer().length, 0)
  }
  assert.equal(scene.mesh.hub.describe().openTicketCount, 1)
})

test('hub takes a ticket once from each side', async () => {
  await using scene = await openScene()
  const ticket = await scene.ticket()
  const dial = await present(scene, ticket, 'dial')
  await until(() => scene.mesh.hub.describe().strangerCount === 0, 'the first half waits')
  // Twice on one side, while the other is awaited: the thief is refused, the first stays.
  await (await present(scene, ticket, 'dial')).closedAfterMs
  const accept = await present(scene, ticket, 'accept')
  await passes(dial, accept, 'ours')
  // And after it is used up.
  for (const side of ['dial', 'accept'] as const) await (await present(scene, ticket, side)).closedAfterMs
  await passes(accept, dial, 'still ours')
  dial.socket.resetAndDestroy()
  await accept.closedAfterMs
  await isClean(scene)
})

test('hub takes a ticket over a link from the endpoint it was made for alone', async () => {
  await using scene = await openScene()
  const ticket = await scene.ticket()
  const connect = (visit: HubVisit, side: string) =>
    visit.ask({ ':method': 'CONNECT', ':authority': side, 'ztm-ticket': ticket })
  for (const [visit, side] of [
    [scene.other, 'dial'],
    [scene.other, 'accept'],
    [scene.acceptor, 'dial'],
    [scene.dialler, 'accept'],
  ] as const) {
    const answer = await connect(visit, side)
    assert.equal(answer instanceof MeshError && answer.code, 'bad-ticket')
  }
  const dial = scene.dialler.session.request({
    ':method': 'CONNECT',
    ':authority': 'dial',
    'ztm-ticket': ticket,
  })
  dial.on('error', () => {})
  const accept = await present(scene, ticket, 'accept')
  await once(dial, 'response')
  accept.socket.write('over the link')
  const [bytes] = await once(dial, 'data')
  assert.equal(String(bytes), 'over the link')
  dial.close()
  await accept.closedAfterMs
  await isClean(scene)
})

test('hub forgets a ticket after its time, and closes a half that waited in vain', async () => {
  await using scene = await openScene({ hubLimits: { registry: { ticketLifeMs: 300 } } })
  const [waited, unused] = [await scene.ticket(), await scene.ticket()]
  const half = await present(scene, waited, 'dial')
  await half.closedAfterMs
  await until(() => scene.mesh.hub.describe().openTicketCount === 0, 'both tickets are forgotten')
  for (const ticket of [waited, unused]) await (await present(scene, ticket, 'accept')).closedAfterMs
  await isClean(scene)
})

test('hub forgets a ticket whose waiting half went away', async () => {
  await using scene = await openScene()
  const ticket = await scene.ticket()
  const half = await present(scene, ticket, 'dial')
  await until(() => scene.mesh.hub.describe().strangerCount === 0, 'it waits')
  half.socket.resetAndDestroy()
  await until(() => scene.mesh.hub.describe().openTicketCount === 0, 'the ticket is forgotten')
  await (await present(scene, ticket, 'accept')).closedAfterMs
  await isClean(scene)
})

test('hub passes on how a relay ended: an end as an end, a break as a break', async () => {
  await using scene = await openScene()
  const ticket = await scene.ticket()
  const [dial, accept] = [await present(scene, ticket, 'dial'), await present(scene, ticket, 'accept')]
  await passes(dial, accept, 'x')
  const ended = once(accept.socket.removeAllListeners('end'), 'end')
  const failed = once(dial.socket, 'error')
  dial.socket.end('last words')
  await ended
  assert.equal(accept.answer().toString(), 'xlast words')
  accept.socket.resetAndDestroy()
  const [error] = await failed
  assert.equal(error.code, 'ECONNRESET')
  await isClean(scene)
})

test('hub keeps no more tickets of an endpoint than it may', async () => {
  await using scene = await openScene({ hubLimits: { registry: { maxOpenTicketsPerEndpoint: 3 } } })
  for (let count = 0; count < 3; count++) await scene.ticket()
  const error = await scene.ticket().catch((thrown: unknown) => thrown)
  assert.equal(error instanceof MeshError && error.code, 'too-many')
})

function pick({ mesh }: Scene) {
  const { relayCount, openTicketCount, strangerCount } = mesh.hub.describe()
  return { relayCount, openTicketCount, strangerCount }
}
