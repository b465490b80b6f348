import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { startExample } from '../testing/example-process.ts'
import { startPage } from '../testing/page.ts'
import { createTunnelLab, inboundPort, type TunnelLab } from '../testing/tunnel-lab.ts'

// A tunnel's outbound and what a program listens for are the same thing: either side dials the other. Everything is set up
// by the command line, and the programs are the examples.

let lab: TunnelLab
let env: Record<string, string>

before(async () => {
  lab = await createTunnelLab()
  const run = (...words: string[]) => lab.run('home', ...words)
  for (const name of ['web', 'greeter']) await run('create', 'service', name, '--attributes', 'shared')
  const identity = ['create', 'identity', 'program', '--attributes', 'programs']
  await run(...identity)
  const policy = (name: string, type: string, ...identities: string[]) =>
    run('create', 'policy', name, '--type', type, '--identities', ...identities, '--services', '#shared')
  await policy('who-dials', 'Dial', '#programs', '@work')
  await policy('who-hosts', 'Bind', '#programs', '@home')
  const key = join(lab.folder, 'program.key')
  await run('create', 'authenticator', 'program', '--key', key)
  const { ca, bootstraps } = JSON.parse(await readFile(lab.permit, 'utf8'))
  const caFile = join(lab.folder, 'ca.pem')
  await writeFile(caFile, ca)
  env = {
    ZTM_CONTROLLER_URL: `https://${bootstraps[0]}`,
    ZTM_CA: caFile,
    HANZO_API_KEY: (await readFile(key, 'utf8')).trim(),
  }
})

after(() => lab[Symbol.asyncDispose]())

test('a program dials what a tunnel leads to, where policies are followed', async () => {
  await using page = await startPage('behind the outbound')
  await lab.run('home', 'tunnel', 'open', 'outbound', 'tcp/web', '--targets', page.at)
  await using refused = startExample(['http-server.ts', 'get', '/'], env)
  await assert.rejects(refused.ended(), /denied|no policy|not-found|Cannot dial/)
  await lab.run('home', 'tunnel', 'open', 'outbound', 'tcp/web', '--targets', page.at, '--policies')
  await using guest = startExample(['http-server.ts', 'get', '/'], env)
  assert.equal(await guest.ended(), '200 behind the outbound\n')
})

test("a tunnel's inbound dials what a program listens for", async () => {
  await using host = startExample(['client-to-service.ts', 'host'], env)
  await host.said('hosting greeter')
  await lab.run('work', 'tunnel', 'open', 'inbound', 'tcp/greeter', '--listen', '127.0.0.1:0')
  const socket = connect(await inboundPort(lab, 'work', 'tcp/greeter'), '127.0.0.1')
  socket.end('Bob')
  assert.equal(await text(socket), 'hello Bob from greeter')
})

test('a program sends datagrams to what a tunnel leads to', async () => {
  const echo = createSocket('udp4')
  echo.on('message', (message, from) => echo.send(message, from.port, from.address)).bind(0, '127.0.0.1')
  await once(echo, 'listening')
  const target = `127.0.0.1:${echo.address().port}`
  await lab.run('home', 'create', 'service', 'udp/echo', '--attributes', 'shared')
  await lab.run('home', 'tunnel', 'open', 'outbound', 'udp/echo', '--targets', target, '--policies')
  await using program = startExample(['datagrams.ts', 'send', 'one', 'two'], env)
  assert.equal(await program.ended(), 'one\ntwo\n')
  echo.close()
})
