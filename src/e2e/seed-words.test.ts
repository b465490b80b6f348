import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fetchPage, startPage } from '../testing/page.ts'
import { createProcessMesh, freePort, LAUNCHER, type ProcessMesh } from '../testing/process-mesh.ts'
import { inboundPort } from '../testing/tunnel-lab.ts'

// The quick start of the README, word for word, through the launcher `./ztm`. Only `start` is `run` here, and ports
// are free ones.

let mesh: ProcessMesh
let guiPort = 0

before(async () => {
  mesh = await createProcessMesh({ program: [LAUNCHER] })
  guiPort = await freePort()
  await Promise.all([
    mesh.startHub(),
    mesh.startAgent('home', { args: ['--listen', `127.0.0.1:${guiPort}`] }),
    mesh.startAgent('workplace'),
  ])
})

after(() => mesh[Symbol.asyncDispose]())

test('start says to use run where there is no systemd, and leaves nothing behind', async t => {
  if (existsSync('/run/systemd/system')) {
    t.skip('this machine has systemd: start would install services on it')
    return
  }
  const address = `127.0.0.1:${await freePort()}`
  const hubWords = ['start', 'hub', '--listen', address, '--names', '1.2.3.4:8888', '--permit', 'root.json']
  for (const words of [hubWords, ['start', 'agent']]) {
    const { code, stdout, stderr } = await mesh.ztm('started', words, { cwd: mesh.folder })
    assert.equal(code, 10)
    assert.equal(stdout, '')
    assert.equal(
      stderr,
      `ztm: Cannot start ${words[1]} as a service: this machine has no systemd: use "ztm run ${words[1]}"\n`,
    )
  }
  assert.equal(existsSync(join(mesh.folder, 'started')), false)
})

test('run hub listens everywhere, and writes a permit that names its public address', async () => {
  await mkdir(join(mesh.folder, 'cloud'))
  const permit = join(mesh.folder, 'cloud/root.json')
  const listen = `0.0.0.0:${await freePort()}`
  const words = ['--listen', listen, '--names', '1.2.3.4:8888', '--permit', permit]
  const hub = await mesh.startHub({ name: 'cloud/hub', args: words })
  assert.match(hub.output(), new RegExp(`^ztm: hub is up at ${listen}: 1\\.2\\.3\\.4:8888$`, 'm'))
  assert.equal((await stat(permit)).mode & 0o777, 0o600)
  const { ca, agent, bootstraps } = JSON.parse(await readFile(permit, 'utf8'))
  assert.deepEqual(bootstraps, ['1.2.3.4:8888'])
  assert.match(ca, /^-----BEGIN CERTIFICATE-----/)
  assert.match(agent.certificate, /^-----BEGIN CERTIFICATE-----/)
  assert.match(agent.privateKey, /^-----BEGIN PRIVATE KEY-----/)
  assert.deepEqual(JSON.parse(await mesh.run('cloud/hub', 'permit')), { ca, agent, bootstraps })
  await mesh.run('cloud/hub', 'stop', 'hub')
  assert.equal((await mesh.ztm('cloud/hub', ['status', 'hub'])).code, 5)
})

test('join takes the permit from the folder one is in', async () => {
  for (const name of ['home', 'workplace']) {
    const words = ['join', 'my-mesh', '--as', name, '--permit', 'root.json']
    const { code, stdout, stderr } = await mesh.ztm(name, words, { cwd: mesh.folder })
    assert.equal(code, 0, stderr)
    assert.match(stdout, new RegExp(`^Joined mesh my-mesh as ${name}, user root`))
  }
})

test('get mesh, get ep and get app list what there is', async () => {
  assert.match(
    await mesh.run('home', 'get', 'mesh'),
    /^NAME .*\nmy-mesh +home +root +127\.0\.0\.1:\d+ .*online\n$/,
  )
  const endpoints = await mesh.run('home', 'get', 'ep')
  assert.match(endpoints, /^home \(local\) +root +online /m)
  assert.match(endpoints, /^workplace +root +online /m)
  assert.match(await mesh.run('home', 'get', 'app'), /^ztm\/tunnel +- +built in +running +- +ztm$/m)
})

test('help, and the help of the tunnel app, name their commands', async () => {
  const [help, tunnelHelp] = await Promise.all([mesh.run('home', 'help'), mesh.run('home', 'tunnel', 'help')])
  const words = ['start', 'run', 'stop', 'join', 'leave', 'get', 'describe', 'ping', 'invite', 'evict']
  for (const word of [...words, 'config', 'completion', 'version', 'status', 'doctor', 'tunnel', 'help'])
    assert.match(help, new RegExp(`^  ${word}\\b.* {2}\\S`, 'm'))
  for (const word of ['get', 'describe', 'open', 'close'])
    assert.match(tunnelHelp, new RegExp(`^  ${word}\\b.* {2}\\S`, 'm'))
  assert.equal(await mesh.run('home', 'help', 'tunnel'), tunnelHelp)
})

test('the web page answers at localhost, and the API behind it wants the token', async () => {
  const page = await fetch(`http://localhost:${guiPort}/`)
  assert.equal(page.status, 200)
  assert.match(await page.text(), /<title>ZTM<\/title>/)
  assert.equal((await fetch(`http://localhost:${guiPort}/api/meshes`)).status, 401)
})

test('a tunnel: open both ends, look at them, fetch through them, close them', async () => {
  await using page = await startPage('hello from the workplace')
  await mesh.run('workplace', 'tunnel', 'open', 'outbound', 'tcp/web', '--targets', page.at)
  await mesh.run('home', 'tunnel', 'open', 'inbound', 'tcp/web', '--listen', '127.0.0.1:0')
  const port = await inboundPort(mesh, 'home', 'tcp/web')
  assert.equal(await fetchPage(port), 'hello from the workplace')

  const [tunnels, inbounds, outbounds, services] = await Promise.all([
    mesh.run('home', 'tunnel', 'get', 'tunnel'),
    mesh.run('home', 'tunnel', 'get', 'inbound'),
    mesh.run('home', 'ep', 'workplace', 'tunnel', 'get', 'outbound'),
    mesh.run('home', 'get', 'service'),
  ])
  assert.match(tunnels, /^tcp\/web +root +home +workplace +up$/m)
  assert.match(inbounds, new RegExp(`^tcp/web +127\\.0\\.0\\.1:${port} +\\(any\\) +\\d+ +1 +0 +open$`, 'm'))
  assert.match(outbounds, new RegExp(`^tcp/web +${page.at} +\\(any\\) +\\(owner\\) +\\d+ +1 +0 +up$`, 'm'))
  assert.match(services, /^tcp\/web +root +workplace +1\/1 +up +-$/m)

  await mesh.run('home', 'tunnel', 'close', 'inbound', 'tcp/web')
  await mesh.run('workplace', 'tunnel', 'close', 'outbound', 'tcp/web')
  await assert.rejects(fetchPage(port))
  assert.equal(await mesh.run('home', 'tunnel', 'get', 'tunnel', '-o', 'name'), '')
})

test('leave ends the membership; stop ends the agent', async () => {
  await mesh.run('workplace', 'leave', 'my-mesh')
  assert.deepEqual(await mesh.json('workplace', 'get', 'mesh'), [])
  assert.equal(await mesh.run('home', 'get', 'ep', '-o', 'name'), 'home\n')
  await mesh.run('workplace', 'stop', 'agent')
  assert.equal((await mesh.ztm('workplace', ['get', 'mesh'])).code, 5)
})
