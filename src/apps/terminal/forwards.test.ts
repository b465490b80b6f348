import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { openTerminalRig } from '../../testing/terminal-rig.ts'
import { TERMINAL_API } from './messages.ts'

async function openServer(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    onSocket(socket)
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('a forward is a connection from there: both ends close by themselves', async t => {
  const { ask, near } = await openTerminalRig(t)
  const port = await openServer(t, socket => {
    let text = ''
    socket.on('data', chunk => {
      text += String(chunk)
    })
    socket.once('end', () => socket.end(`heard ${text}`))
  })
  const { stream } = await ask(near, { kind: 'forward', host: '127.0.0.1', port })
  stream.end('hello')
  let answer = ''
  for await (const chunk of stream) answer += String(chunk)
  assert.equal(answer, 'heard hello')
})

test('forwards are refused where nothing listens, over a limit, and where they are off', async t => {
  const { ask, near, farApp } = await openTerminalRig(t, { maxForwardsPerUser: 1 })
  await assert.rejects(ask(near, { kind: 'forward', host: '127.0.0.1', port: 1 }), { code: 'unreachable' })
  const port = await openServer(t, () => {})
  const { stream } = await ask(near, { kind: 'forward', host: '127.0.0.1', port })
  await assert.rejects(ask(near, { kind: 'forward', host: '127.0.0.1', port }), { code: 'too-many' })
  const closed = new Promise(resolve => stream.once('close', resolve))
  stream.resume()
  await farApp.call(TERMINAL_API.changeConfig, { params: { endpoint: 'far' }, body: { mayForward: false } })
  await closed
  await assert.rejects(ask(near, { kind: 'forward', host: '127.0.0.1', port }), { code: 'denied' })
})
