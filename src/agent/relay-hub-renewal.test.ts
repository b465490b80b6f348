import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { parseServiceName } from '../core/model/names.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { startRelayHub } from '../testing/relay-hub-rig.ts'
import { until } from '../testing/until.ts'

const ECHO = parseServiceName('tcp/echo')

/** The certificate that a new connection is shown. @returns its serial number */
async function serialAt(address: string): Promise<string> {
  const [host = '', port] = address.split(':')
  // Whose it is, agents check; here it is only told apart from another.
  const socket: TLSSocket = connect({
    host,
    port: Number(port),
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
  })
  socket.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
  })
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

test('the certificate of a hub that only relays is renewed while it runs: streams go on, new links see the new one', {
  timeout: 120_000,
}, async () => {
  await using mesh = await createLocalMesh()
  const [home, work] = [await mesh.join('home'), await mesh.join('work')]
  await using relay = await startRelayHub(mesh, home, { renewAfterMs: 8_000 })
  const isRenewed = () => relay.events.includes('certificate.renewed')
  const before = await serialAt(relay.address)
  const isLinked = ({ membership }: typeof home) =>
    membership.hubs.hubs.some(({ id, isLinked }) => id === relay.id && isLinked)
  for (const agent of [home, work]) await until(() => isLinked(agent), 'there is a link to it')
  await home.host.serve(ECHO, {
    access: { users: [], entrances: [] },
    onStream: incoming => {
      const stream = incoming.accept()
      stream.on('error', () => {})
      stream.pipe(stream)
    },
  })
  // Which is nearer is luck on one computer: the other is asked last.
  work.membership.peers.leaveHub('controller', 0)
  const dialing = work.host.dial(ECHO)
  dialing.write(Buffer.from('before'))
  const { stream } = await dialing.opened
  stream.on('error', () => {})
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  assert.equal(String((await chunks.next()).value), 'before')
  const [session] = work.membership.peers.all
  assert.equal(session?.via, relay.id)
  const linksOf = () =>
    [home, work].map(({ membership }) => membership.hubs.hubs[0]?.link?.session?.socket.localPort)
  const links = linksOf()

  while (!isRenewed()) await until(isRenewed, 'it was renewed').catch(() => {})
  stream.write(Buffer.from('after'))
  assert.equal(String((await chunks.next()).value), 'after')
  assert.equal(work.membership.peers.all[0], session, 'by the same session')
  assert.deepEqual(linksOf(), links, 'and by the same links')
  stream.destroy()

  const after = await serialAt(relay.address)
  assert.notEqual(after, before)
  // Agents take it for the same hub.
  const late = await mesh.join('late')
  await until(() => isLinked(late), 'one who comes now has a link, too')
})
