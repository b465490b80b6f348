import assert from 'node:assert/strict'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { type AppLab, createAppLab, type LabApp } from '../../testing/app-lab.ts'
import { until } from '../../testing/until.ts'
import { LISTEN_LIMITS } from './app-listening.ts'

let lab: AppLab
before(async () => {
  lab = await createAppLab()
})
after(() => lab[Symbol.asyncDispose]())

const ECHO = `
  import { defineApp } from 'ztm/app'
  const open = new Map()
  export default defineApp({
    async onRequest(request, host) {
      const [host_, port, what] = (await request.text()).split(' ')
      try {
        if (what === 'close') return Response.json(await open.get(port).close() ?? 'closed')
        const listener = await host.listen(host_, Number(port), async connection => {
          if (what === 'sink') return new Promise(() => {})
          await connection.write('hello ' + connection.remote.replace(/:\\d+$/, '') + '\\n')
          for await (const chunk of connection) await connection.write(chunk)
        })
        open.set(String(listener.port), listener)
        return Response.json(listener)
      } catch (error) {
        return Response.json(error.code)
      }
    },
  })
`
const echo = async (name: string, listen: string[]) =>
  lab.start(await lab.write(ECHO, { listen }), lab.mesh.addEndpoint(name))
const listen = async (app: LabApp, where: string) =>
  JSON.parse((await app.ask('/', { method: 'POST', body: where })).text) as { host: string; port: number }

/** Connect, and hear all that is said. */
async function talk(port: number, words: string): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  socket.end(words)
  return text(socket)
}

test('an app listens where it was granted, and is given each connection with who opened it', async () => {
  const app = await echo('listens', ['127.0.0.1:*'])
  const { host, port } = await listen(app, '127.0.0.1 0')
  assert.equal(host, '127.0.0.1')
  assert.equal(await talk(port, 'x'.repeat(1_000_000)), `hello 127.0.0.1\n${'x'.repeat(1_000_000)}`)
  assert.equal(await listen(app, `127.0.0.1 ${port} close`), 'closed')
  await assert.rejects(talk(port, ''), { code: 'ECONNREFUSED' })
})

test('an app listens nowhere else, however it writes the place', async () => {
  const app = await echo('narrow', ['127.0.0.1:18080-18081', '10.0.0.0/8:*'])
  const places = [
    '127.0.0.1 0',
    '127.0.0.1 18082',
    '127.0.0.2 18080',
    '0.0.0.0 18080',
    '* 18080',
    ':: 18080',
    '::1 18080',
    '127.1 18080',
    'localhost 18080',
    'example.com 18080',
    '/tmp/socket 18080',
  ]
  for (const place of places) assert.equal(await listen(app, place), 'denied', place)
  const none = await echo('none', [])
  assert.equal(await listen(none, '127.0.0.1 0'), 'denied')
})

test('who knocks at a port of an app takes none of what the app needs for others, and its end closes the port', async () => {
  const app = await echo('busy', ['127.0.0.1:*'])
  const { port } = await listen(app, '127.0.0.1 0 sink')
  const sockets = Array.from({ length: LISTEN_LIMITS.maxConnections + 20 }, () =>
    net.connect(port, '127.0.0.1'),
  )
  let closed = 0
  for (const socket of sockets) socket.on('error', () => {}).once('close', () => closed++)
  await until(() => closed >= 20, 'those too many are closed')
  assert.equal(closed, 20)
  // Its requests need streams, too; and there is a limit of ports.
  for (let more = 1; more < LISTEN_LIMITS.maxListeners; more++)
    assert.equal((await listen(app, '127.0.0.1 0')).host, '127.0.0.1')
  assert.equal(await listen(app, '127.0.0.1 0'), 'too-many')
  await app[Symbol.asyncDispose]()
  await until(() => closed === sockets.length, 'all are closed with the app')
  await assert.rejects(talk(port, ''), { code: 'ECONNREFUSED' })
})
