import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import { parseAddress } from '../core/model/address.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'
import { TLS_OPTIONS } from './tls-options.ts'

const OURS = { ...TLS_OPTIONS, ALPNProtocols: [...TLS_OPTIONS.ALPNProtocols] }

/** Shake hands with a hub. @returns the socket, and the tickets for a later session that come */
async function shakeHands(hub: string, options: ConnectionOptions) {
  const { host, port } = parseAddress(hub)
  const socket: TLSSocket = tls.connect({ host, port, rejectUnauthorized: false, ...options })
  const tickets: Buffer[] = []
  socket.on('session', ticket => tickets.push(ticket))
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', () => resolve())
  })
  return { socket, tickets, [Symbol.dispose]: () => void socket.destroy() }
}

test('TLS_OPTIONS agree on TLS 1.3, the post-quantum hybrid and AES-128-GCM', async () => {
  await using mesh = await createLocalMesh()
  using hands = await shakeHands(mesh.address, OURS)
  const { socket } = hands
  const keyExchange = (socket.getEphemeralKeyInfo() as { name?: string }).name
  const agreed = [socket.getProtocol(), keyExchange, socket.getCipher().standardName]
  assert.deepEqual(agreed, ['TLSv1.3', 'X25519MLKEM768', 'TLS_AES_128_GCM_SHA256'])
})

test('TLS_OPTIONS of a hub take an older client by X25519, and none without a good curve', async () => {
  await using mesh = await createLocalMesh()
  using older = await shakeHands(mesh.address, { ...OURS, ecdhCurve: 'X25519' })
  assert.equal((older.socket.getEphemeralKeyInfo() as { name?: string }).name, 'X25519')
  await assert.rejects(shakeHands(mesh.address, { ...OURS, ecdhCurve: 'P-521' }), /handshake failure/)
})

/** Shake hands twice, the second time with the last ticket of the first. */
async function isResumed(server: string): Promise<boolean> {
  using first = await shakeHands(server, OURS)
  await until(() => first.tickets.length > 0, 'a ticket came')
  const [session] = first.tickets
  using second = await shakeHands(server, { ...OURS, ...(session && { session }) })
  return second.socket.isSessionReused()
}

test('TLS_OPTIONS of a hub let no session be resumed: each shows its certificate', async t => {
  await using mesh = await createLocalMesh()
  assert.equal(await isResumed(mesh.address), false)

  // Without them it would be.
  const { chainPem: cert, privateKeyPem: key } = await mesh.member()
  const other = tls.createServer({ cert, key, ALPNProtocols: ['h2'] }, socket => socket.write('hello'))
  t.after(() => other.close())
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  assert.equal(await isResumed(`127.0.0.1:${(other.address() as AddressInfo).port}`), true)
})
