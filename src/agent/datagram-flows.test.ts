import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { SESSION_TICKET_HEADER } from '../core/api/peer-api.ts'
import { MeshError } from '../core/model/errors.ts'
import { parseServiceName } from '../core/model/names.ts'
import { FLOW_HEADER, formatFlowName, parseFlowName } from '../core/stream/flow-header.ts'
import type { DatagramPath } from '../sdk/app.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'

const SERVICE = parseServiceName('udp/echo')

/** Host an echo of datagrams, and note what came by which way. @param listens  to those beside the stream */
async function hostDatagramEcho({ host }: LocalAgent, listens = true) {
  const seen = { offered: 0, beside: [] as string[], inStream: [] as string[] }
  await host.serve(SERVICE, {
    access: { users: [], entrances: [] },
    onStream(incoming) {
      const { datagrams } = incoming
      if (datagrams !== undefined) seen.offered += 1
      if (datagrams !== undefined && listens)
        datagrams.onDatagram = bytes => {
          seen.beside.push(String(bytes))
          datagrams.send(bytes)
        }
      const stream = incoming.accept()
      stream.on('error', () => {})
      stream.on('data', bytes => seen.inStream.push(String(bytes)))
    },
  })
  return seen
}

async function dial({ host }: LocalAgent, takesDatagrams = true) {
  const { stream, datagrams } = await host.dial(SERVICE, { takesDatagrams }).opened
  stream.on('error', () => {})
  return { stream, datagrams }
}

/** Send a text beside the stream until it is back: on loopback at once, but nothing promises that. */
async function echoBeside(path: DatagramPath | undefined, text: string): Promise<void> {
  let isBack = false
  assert.ok(path !== undefined)
  path.onDatagram = bytes => {
    isBack ||= String(bytes) === text
  }
  assert.equal(path.send(Buffer.from(text)), true)
  await until(() => isBack, `"${text}" is back`)
}

/** Ask for a stream as a dialler does, with this flow. @returns the flow in the answer */
async function ask({ membership }: LocalAgent, at: LocalAgent, flow: string): Promise<unknown> {
  const { ticket } = await membership.link.call(CONTROLLER_API.openSession, { body: { service: SERVICE } })
  const { session } = await membership.peers.session(at.membership.self.endpoint)
  const stream = session.request({
    ':method': 'CONNECT',
    ':authority': encodeURIComponent(SERVICE),
    [SESSION_TICKET_HEADER]: ticket,
    [FLOW_HEADER]: flow,
  })
  stream.on('error', () => {})
  const answer = await new Promise<unknown>(resolve => {
    stream.once('response', headers => resolve(headers[':status'] === 200 ? headers[FLOW_HEADER] : headers))
  })
  stream.destroy()
  return answer
}

test('datagrams go beside the stream of a punched path, and none in it', async () => {
  await using mesh = await createLocalMesh({ paths: ['punched'] })
  const [home, work] = [await mesh.join('home'), await mesh.join('work')]
  const seen = await hostDatagramEcho(home)
  const { stream, datagrams } = await dial(work)
  const [session] = work.membership.peers.all
  const before = session?.sentBytes ?? 0
  for (const text of ['one', 'two', 'x'.repeat(1_000)]) await echoBeside(datagrams, text)
  assert.deepEqual([seen.beside.length, seen.inStream], [3, []])
  assert.equal((session?.sentBytes ?? 0) - before, 1_006)
  stream.write('in the stream')
  await until(() => seen.inStream.length === 1, 'the stream still carries')

  session?.close(new MeshError('link-closed', 'Session ended: test'))
  await until(() => stream.destroyed, 'the stream breaks with its session')
  assert.equal(datagrams?.send(Buffer.from('late')), false)
})

test('all goes in the stream where either side does not listen, and over relays', async () => {
  await using mesh = await createLocalMesh({ paths: ['punched'] })
  const [home, work] = [await mesh.join('home'), await mesh.join('work')]
  const seen = await hostDatagramEcho(home, false)
  assert.equal((await dial(work)).datagrams, undefined)
  assert.equal(seen.offered, 1)
  assert.equal((await dial(work, false)).datagrams, undefined)
  assert.equal(seen.offered, 1)

  await using relayed = await createLocalMesh()
  const [far, near] = [await relayed.join('far'), await relayed.join('near')]
  const heard = await hostDatagramEcho(far)
  const { stream, datagrams } = await dial(near)
  assert.deepEqual([datagrams, heard.offered], [undefined, 0])
  stream.write('as ever')
  await until(() => heard.inStream.length === 1, 'it has come')
})

test("a flow of another's path, of none, or in use is not answered, and disturbs nobody", async () => {
  await using mesh = await createLocalMesh({ paths: ['punched'] })
  const home = await mesh.join('home')
  const [work, eve] = [await mesh.join('work'), await mesh.join('eve')]
  await hostDatagramEcho(home)
  // Before its own dialler names it: the path is already there, for that peer alone.
  const session = await work.membership.peers.session(home.membership.self.endpoint)
  const name = session.datagrams?.offer()?.name ?? ''
  const channel = parseFlowName(name)?.channel ?? 0
  assert.equal(await ask(eve, home, name), undefined)
  const { datagrams } = await dial(work)
  await echoBeside(datagrams, 'before')
  const forged = [
    name,
    formatFlowName({ channel, flow: 2 }),
    formatFlowName({ channel: channel ^ 1, flow: 9 }),
    `${name} `,
    'nonsense',
    '',
  ]
  for (const flow of forged) assert.equal(await ask(eve, home, flow), undefined, flow)
  assert.equal(await ask(work, home, formatFlowName({ channel, flow: 2 })), undefined, 'in use')
  assert.equal(await ask(work, home, formatFlowName({ channel, flow: 77 })), `${name.slice(0, 8)}.77`)
  await echoBeside(datagrams, 'after')
  await echoBeside((await dial(eve)).datagrams, 'her own')
})
