import assert from 'node:assert/strict'
import type { ServerHttp2Stream } from 'node:http2'
import { test } from 'node:test'
import type { LinkState } from '../core/link/link.ts'
import { formatAddress } from '../core/model/address.ts'
import { parseHubId } from '../core/model/ids.ts'
import { ms } from '../core/model/time.ts'
import { createHttp2Server } from '../net/http2-server.ts'
import { HUB_PORT_LIMITS, openHubPort } from '../net/hub-port.ts'
import { openAuthority } from '../pki/authority.ts'
import { tlsIdentity } from '../pki/check.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { createSecretMemory } from '../testing/secret-memory.ts'
import { createHubLink } from './hub-link.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }
const HUB = parseHubId('11111111-2222-4333-8444-555555555555')

/** A hub that answers the request for events as the test says, and the link of an agent to it. */
async function openLinkTo(answer: (events: ServerHttp2Stream) => void) {
  const now = Date.now()
  const authority = await openAuthority({ folder: createSecretMemory(), now })
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const identity = { kind: 'hub', mesh: authority.mesh, hub: HUB } as const
  const { chainPem } = await authority.issue({ identity, publicKeyPem, validMs: 3_600_000 }, now)
  const rootPem = authority.rootCertificatePem
  const server = createHttp2Server({
    identity: { chainPem, privateKeyPem, rootPem },
    identify: () => undefined,
    onStream: stream => answer(stream),
    log: SILENT,
  })
  const port = await openHubPort(
    { host: '127.0.0.1', port: 0 },
    { onTls: socket => server.accept(socket), onTicket() {}, limits: HUB_PORT_LIMITS, log: SILENT },
  )
  const states: LinkState['state'][] = []
  const waiters = new Set<() => void>()
  const note = () => {
    for (const wake of waiters) wake()
  }
  const link = createHubLink({
    hub: 'controller',
    bootstraps: [formatAddress(port.address)],
    identity: () => ({ chainPem, privateKeyPem, rootPem }),
    identifyHub: socket => {
      const shown = tlsIdentity(socket, { rootPem, now: ms(Date.now()) })
      assert.ok(shown !== undefined)
      return shown
    },
    certificate: () => ({ issuedAtMs: now, expiresAtMs: now + 3_600_000 }),
    renewLate: async () => {},
    renew: async () => {},
    onEvent() {},
    onState(state) {
      states.push(state.state)
      note()
    },
    clock: { now: () => ms(Date.now()) },
    random: Math.random,
    log: SILENT,
  })
  link.start()
  return {
    link,
    states,
    async until(isSo: () => boolean): Promise<void> {
      while (!isSo()) await new Promise<void>(resolve => waiters.add(resolve))
    },
    async [Symbol.asyncDispose]() {
      await link[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await port[Symbol.asyncDispose]()
    },
  }
}

const hello = (mesh = 'abcdefghijklmnopqrstuvwxyz') =>
  `${JSON.stringify({ event: 'hello', mesh, hub: HUB, names: [], version: '1', timeMs: Date.now(), evictions: [], address: '' })}\n`

test('a link is tried again when the hub sends nonsense right behind its greeting', {
  timeout: 10_000,
}, async () => {
  await using rig = await openLinkTo(events => {
    events.respond({ ':status': 200 })
    events.write(`${hello()}nonsense\n`)
  })
  await rig.until(() => rig.states.includes('waiting'))
})

test('a link is tried again when the hub drops it right behind its greeting', {
  timeout: 10_000,
}, async () => {
  await using rig = await openLinkTo(events => {
    events.respond({ ':status': 200 })
    events.write(hello(), () => events.session?.destroy())
  })
  await rig.until(() => rig.states.includes('waiting'))
})

test('a link lets go of a hub that has not greeted it yet when it is stopped', {
  timeout: 10_000,
}, async () => {
  const asked = Promise.withResolvers<ServerHttp2Stream>()
  await using rig = await openLinkTo(asked.resolve)
  const { session } = await asked.promise
  const closed = new Promise(resolve => session?.once('close', resolve))
  await rig.link[Symbol.asyncDispose]()
  await closed
  assert.deepEqual(rig.states.slice(-1), ['connecting'])
})

test('a link is tried again when the hub stops telling events and keeps the connection', {
  timeout: 10_000,
}, async () => {
  await using rig = await openLinkTo(events => {
    events.respond({ ':status': 200 })
    events.end(hello())
  })
  await rig.until(() => rig.states.includes('waiting'))
})
