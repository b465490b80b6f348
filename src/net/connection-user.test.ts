import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { findConnection, userOfConnection } from './connection-user.ts'

const isLinux = process.platform === 'linux'

/** A server and a program that connects to it. */
async function accept(host: string, client: (port: number) => void): Promise<Socket> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  client((server.address() as AddressInfo).port)
  const [socket] = (await once(server, 'connection')) as [Socket]
  server.close()
  return socket
}

test('userOfConnection() tells who opened a connection, and that it was another program', {
  skip: !isLinux && 'only Linux tells',
}, async t => {
  for (const host of ['127.0.0.1', '::1']) {
    const code = 'require("net").connect(+process.argv[1], process.argv[2]).resume()'
    const socket = await accept(host, port => {
      const child = spawn(process.execPath, ['-e', code, String(port), host])
      t.after(() => child.kill())
    })
    assert.deepEqual(await userOfConnection(socket), { uid: process.getuid?.(), isOwnProcess: false })
    socket.destroy()
  }
})

test('userOfConnection() knows a connection of its own process, which may carry somebody else’s bytes', {
  skip: !isLinux && 'only Linux tells',
}, async () => {
  const socket = await accept('127.0.0.1', port => connect(port, '127.0.0.1').resume())
  assert.equal((await userOfConnection(socket))?.isOwnProcess, true)
  socket.destroy()
})

test('findConnection() takes one established row between loopback addresses, and nothing that is like it', () => {
  const row = (from: string, to: string, state = '01', inode = '4711') =>
    `   0: ${from} ${to} ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0 20 4 0 10 -1`
  const [client, agent] = ['0100007F:C350', '0100007F:1E61']
  const found = { uid: 1000, inode: '4711' }
  const find = (...rows: string[]) =>
    findConnection(['  sl  local_address rem_address', ...rows].join('\n'), 50_000, 7_777)
  assert.deepEqual(find(row(client, agent)), found)
  assert.deepEqual(find(row(agent, client, '01', '12'), row(client, agent)), found)
  assert.deepEqual(find(row(client, agent), row(client, agent)), found, 'shown twice as the table changed')
  const v6 = '00000000000000000000000001000000'
  assert.deepEqual(find(row(`${v6}:C350`, `${v6}:1E61`)), found)
  const mapped = '0000000000000000FFFF00000100007F'
  assert.deepEqual(find(row(`${mapped}:C350`, `${mapped}:1E61`)), found)
  for (const rows of [
    [],
    [row(agent, client)],
    [row(client, agent, '06')],
    [row(client, agent, '01', '0')],
    [row('0101A8C0:C350', agent)],
    [row(client, '0101A8C0:1E61')],
    // Two programs at 127.0.0.1 and 127.0.0.2, with the same port.
    [row(client, agent), row('0200007F:C350', agent)],
    [row(client, agent), row(client, agent, '01', '4712')],
  ])
    assert.equal(find(...rows), undefined)
})
