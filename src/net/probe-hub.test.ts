import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { parseAddress } from '../core/model/address.ts'
import { openAuthority } from '../pki/authority.ts'
import { freedPort, issue, serveTcp } from '../testing/clinic.ts'
import { startFakeHub } from '../testing/fake-hub.ts'
import { createSecretMemory } from '../testing/secret-memory.ts'
import { isPortFree, probeHub } from './probe-hub.ts'

const HUB = 'hub/7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c13'
const foundAuthority = () => openAuthority({ folder: createSecretMemory(), now: Date.now() })

test('probeHub() of a good hub gives its clock and no fault', async () => {
  const authority = await foundAuthority()
  const clockMs = Date.UTC(2026, 0, 2, 3, 4, 5)
  await using hub = await startFakeHub({ ...(await issue(authority, HUB)), now: () => clockMs })
  const options = { rootPem: authority.rootCertificatePem, now: Date.now(), timeoutMs: 5_000 }
  assert.deepEqual(await probeHub(parseAddress(hub.address), options), { clockMs })
})

test('probeHub() judges a foreign certificate and still tells the clock', async () => {
  const [ours, foreign] = [await foundAuthority(), await foundAuthority()]
  await using hub = await startFakeHub({ ...(await issue(foreign, HUB)), now: () => 0 })
  const options = { rootPem: ours.rootCertificatePem, now: Date.now(), timeoutMs: 5_000 }
  const { failed, clockMs } = await probeHub(parseAddress(hub.address), options)
  assert.deepEqual([failed?.step, failed?.error.code, clockMs], ['certificate', 'not-trusted', 0])
})

test('probeHub() names the step that fails', async t => {
  const { rootCertificatePem: rootPem } = await foundAuthority()
  const stepOf = async (address: string) => {
    const { failed } = await probeHub(parseAddress(address), { rootPem, now: Date.now(), timeoutMs: 500 })
    return [failed?.step, failed?.error.code]
  }
  assert.deepEqual(await stepOf(await freedPort()), ['connect', 'unreachable'])
  assert.deepEqual(await stepOf(await serveTcp(t, () => {})), ['handshake', 'timed-out'])
  assert.deepEqual(await stepOf(await serveTcp(t, socket => socket.destroy())), ['handshake', 'link-closed'])
})

test('isPortFree() tells a port that is taken from one that is not', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  assert.equal(await isPortFree({ host: '127.0.0.1', port }), false)
  server.close()
  await once(server, 'close')
  assert.equal(await isPortFree({ host: '127.0.0.1', port }), true)
})
