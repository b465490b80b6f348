import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { ControllerPort } from '../core/api/controller.ts'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { type ErrorCode, MeshError } from '../core/model/errors.ts'
import { parseHubId } from '../core/model/ids.ts'
import { parseServiceName, parseUserName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import { ms } from '../core/model/time.ts'
import { sealSessionTicket } from '../pki/session-ticket.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { startFalseHub } from '../testing/false-hub.ts'
import type { Credential } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalMesh } from '../testing/local-mesh.ts'
import { visitPeer } from '../testing/peer-visit.ts'
import { assertRefused } from '../testing/refusal.ts'
import { until } from '../testing/until.ts'
import { layWire } from '../testing/wire.ts'

const mallory = parseUserName('mallory')
const root = parseUserName('root')

/** A session ticket in the name of the mesh's hub, signed with any credential. */
async function forge(
  mesh: LocalMesh,
  signer: Credential,
  wish: { dialler: EndpointIdentity; service: string; atMs?: number; isByPolicy?: boolean },
): Promise<string> {
  const { dialler, service, atMs = Date.now(), isByPolicy = false } = wish
  const { mesh: id } = mesh.authority
  const hub = { kind: 'hub', mesh: id, hub: parseHubId('11111111-2222-4333-8444-555555555555') } as const
  const claims = {
    hub,
    dialler,
    service: parseServiceName(service),
    owner: root,
    id: randomUUID(),
    isByPolicy,
  }
  return (await sealSessionTicket(signer, claims, ms(atMs))).ticket
}

test('host lets nobody in whom its own access list does not, whatever a hub signs', async () => {
  await using mesh = await createLocalMesh()
  await using other = await createLocalMesh()
  const host = await mesh.join('host')
  await hostEcho(host, 'tcp/open', { users: [mallory] })
  const secret = await hostEcho(host, 'tcp/secret')
  const elsewhere = await mesh.member('elsewhere')
  const narrow = await hostEcho(host, 'tcp/narrow', {
    users: [mallory],
    entrances: [elsewhere.identity.endpoint],
  })
  const asker = await mesh.member('pc', await mesh.invite('mallory'))
  const to = host.membership.self.endpoint
  await using visit = await visitPeer({ hub: mesh.address, asker, to })
  const dialler = asker.identity
  const bob = { ...dialler, user: parseUserName('bob') }
  const member = await mesh.member()
  const hour = 3_600_000
  const cases: [string, string, Promise<string>, ErrorCode][] = [
    [
      'not on the list',
      'tcp/secret',
      forge(mesh, mesh.hubCredential, { dialler, service: 'tcp/secret' }),
      'denied',
    ],
    [
      'wrong entrance',
      'tcp/narrow',
      forge(mesh, mesh.hubCredential, { dialler, service: 'tcp/narrow' }),
      'denied',
    ],
    [
      'not hosted',
      'tcp/none',
      forge(mesh, mesh.hubCredential, { dialler, service: 'tcp/none' }),
      'not-found',
    ],
    [
      'for another service',
      'tcp/secret',
      forge(mesh, mesh.hubCredential, { dialler, service: 'tcp/open' }),
      'bad-ticket',
    ],
    [
      'for another endpoint',
      'tcp/open',
      forge(mesh, mesh.hubCredential, { dialler: bob, service: 'tcp/open' }),
      'bad-ticket',
    ],
    ['signed by a member', 'tcp/open', forge(mesh, member, { dialler, service: 'tcp/open' }), 'bad-ticket'],
    [
      "signed by another mesh's hub",
      'tcp/open',
      forge(mesh, other.hubCredential, { dialler, service: 'tcp/open' }),
      'bad-ticket',
    ],
    [
      'of yesterday',
      'tcp/open',
      forge(mesh, mesh.hubCredential, { dialler, service: 'tcp/open', atMs: Date.now() - hour }),
      'bad-ticket',
    ],
    [
      'of tomorrow',
      'tcp/open',
      forge(mesh, mesh.hubCredential, { dialler, service: 'tcp/open', atMs: Date.now() + hour }),
      'bad-ticket',
    ],
  ]
  for (const [what, service, ticket, code] of cases) {
    const answer = await visit.dial(service, await ticket)
    assert.equal(answer instanceof MeshError ? answer.code : answer, code, `${what}: ${answer}`)
  }
  assert.equal(
    await visit.dial('tcp/open', await forge(mesh, mesh.hubCredential, { dialler, service: 'tcp/open' })),
    200,
  )
  assert.deepEqual([...secret.callers, ...narrow.callers], [])
})

test('host lets whom the policies allow in where its owner left it to them, and nowhere else', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  await hostEcho(host, 'tcp/open', { users: [mallory] })
  const left = await hostEcho(host, 'tcp/left', { policies: true })
  const own = await hostEcho(host, 'tcp/own', { policies: false })
  const asker = await mesh.member('pc', await mesh.invite('mallory'))
  await using visit = await visitPeer({ hub: mesh.address, asker, to: host.membership.self.endpoint })
  const ticketFor = (service: string, isByPolicy: boolean) =>
    forge(mesh, mesh.hubCredential, { dialler: asker.identity, service, isByPolicy })
  const dial = async (service: string, isByPolicy: boolean) => {
    const answer = await visit.dial(service, await ticketFor(service, isByPolicy))
    return answer instanceof MeshError ? answer.code : answer
  }
  assert.equal(await dial('tcp/left', true), 200)
  assert.equal(await dial('tcp/left', false), 'denied')
  assert.equal(await dial('tcp/own', true), 'denied')
  visit.connect('tcp/left', await ticketFor('tcp/left', true)).on('error', () => {})
  await until(() => left.callers.length === 2 && left.open.size === 1, 'the stream is open')
  await left.hosting.update({ users: [], entrances: [] })
  await until(() => left.open.size === 0, 'what was left to the policies is taken back')
  assert.equal(own.callers.length, 0)
})

/** A controller that answers `openSession` with another owner and hosting. */
function lie(change: (answer: never) => unknown) {
  return (controller: ControllerPort): ControllerPort => ({
    ...controller,
    handlers: {
      ...controller.handlers,
      openSession: async call => change((await controller.handlers.openSession(call)) as never) as never,
    },
  })
}

test('agent sends nothing to a host that is not its service owner’s', async () => {
  let lies: Record<string, unknown> = {}
  const corrupt = lie(({ service, ...answer }: Record<string, object>) => ({
    ...answer,
    service: { ...service, ...lies },
  }))
  await using mesh = await createLocalMesh({ corrupt })
  const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
  const thief = await mesh.join('pc', { permit: await mesh.invite('mallory') })
  const { service } = await hostEcho(host, 'tcp/db')
  const trap = await hostEcho(thief, 'tcp/trap', { users: [root] })
  const { endpoint } = thief.membership.self
  const { services } = await host.membership.link.call(CONTROLLER_API.listServices, {})
  const hostings = services.flatMap(one => one.hostings.map(hosting => ({ ...hosting, endpoint })))

  // The thief's endpoint, said to be the owner's.
  lies = { hostings }
  await assertRefused(echo(guest, service, 'password'), 'not-trusted')
  // The thief himself as the owner: an inbound that knows whose the service was does not follow.
  lies = { hostings, owner: 'mallory' }
  await assertRefused(echo(guest, parseServiceName('tcp/db'), 'password', { owner: root }), 'denied')
  assert.deepEqual(trap.callers, [])
})

test('agent takes no answer from a hub that is not of its form', async () => {
  let answer: unknown
  await using mesh = await createLocalMesh({ corrupt: lie(good => answer ?? good) })
  const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
  const { service } = await hostEcho(host, 'tcp/db')
  for (const nonsense of [
    {},
    { ticket: 1, expiresAtMs: 'soon', service: {} },
    [],
    'x'.repeat(100_000),
    { ticket: 'x', expiresAtMs: -1, service: { name: '../../x', owner: 'root', hostings: [] } },
  ]) {
    answer = nonsense
    const error = await echo(guest, service, 'x').catch((thrown: unknown) => thrown)
    assert.equal(error instanceof MeshError && error.code, 'bad-message', String(error))
  }
  answer = undefined
  assert.equal(await echo(guest, service, 'well'), 'well')
})

test('agent outlives a hub that talks nonsense, and finds back to a good one', async t => {
  await using mesh = await createLocalMesh()
  await using wire = await layWire(mesh.address)
  const { membership } = await mesh.join('host', { permit: mesh.permitVia(wire.address) })
  const nonsense: [string, string][] = [
    ['no JSON', 'hello\n'],
    ['an event without its fields', '{"event":"hello"}\n'],
    ['wrong types', '{"event":"introduce","ticket":7,"peer":[]}\n'],
    ['a line without end', 'x'.repeat(5 * 1_048_576)],
  ]
  for (const [what, line] of nonsense) {
    await t.test(what, async () => {
      await using hub = await startFalseHub({
        ...mesh.hubCredential,
        rootPem: mesh.authority.rootCertificatePem,
      })
      wire.target = hub.address
      mesh.events.length = 0
      wire.cut()
      await until(() => hub.requests.includes('GET /api/events'), 'it listens')
      hub.tell(line)
      while ((await mesh.logged('link.lost', 'host')).fields.code === 'link-closed') mesh.events.shift()
      wire.target = mesh.address
      membership.link.networkChanged({ gone: new Set() })
      await membership.link.whenOnline(30_000)
    })
  }
})

test('agent opens no more relays at once than it must, however many a hub asks for', async () => {
  await using mesh = await createLocalMesh()
  await using wire = await layWire(mesh.address)
  await using hub = await startFalseHub({
    ...mesh.hubCredential,
    rootPem: mesh.authority.rootCertificatePem,
  })
  const { membership } = await mesh.join('host', { permit: mesh.permitVia(wire.address) })
  wire.target = hub.address
  wire.cut()
  await until(() => hub.requests.includes('GET /api/events'), 'it listens')
  const introduce = (index: number) =>
    JSON.stringify({
      event: 'introduce',
      ticket: Buffer.alloc(32, index).toString('base64url'),
      peer: membership.self.endpoint,
      way: 'relay',
    })
  hub.tell(`${Array.from({ length: 3_000 }, (_, index) => introduce(index)).join('\n')}\n`)
  await until(() => mesh.events.some(({ event }) => event === 'peers.crowded'), 'it says no')
  await until(() => hub.tickets.size > 0, 'some came')
  assert.ok(hub.tickets.size <= 256, `${hub.tickets.size} relays`)
  const noteCount = mesh.events.filter(({ event }) => event === 'peers.crowded').length
  assert.ok(noteCount < 10, `${noteCount} lines in the log`)
})
