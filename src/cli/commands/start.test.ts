import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import type { Machine } from '../daemon/machine.ts'
import type { RunTool } from '../daemon/run-tool.ts'
import { openLab } from '../recorded-world.ts'

/** A computer with systemd below a folder; its tools write down what they were asked. */
function systemd(folder: string, onRestart: () => Promise<void> = async () => {}) {
  const asked: string[] = []
  const owner = { name: 'ann', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const machine: Machine = {
    platform: 'linux',
    isAdministrator: true,
    user: { ...owner, homeFolder: folder },
    env: {},
    exists: path => path === '/run/systemd/system' || existsSync(path),
  }
  const run: RunTool = async (command, words) => {
    asked.push([command, ...words].join(' '))
    if (words.includes('restart')) await onRestart()
    return { status: 0, output: words[0] === 'is-enabled' ? 'enabled\n' : 'active\n' }
  }
  return { asked, system: { machine: async () => machine, run, root: folder } }
}

const UNIT = (role: string) => `etc/systemd/system/ztm-${role}.service`
const nothing = async () => ({ async [Symbol.asyncDispose]() {} })

async function openSystemd(t: TestContext) {
  const lab = await openLab(t, nothing)
  const computer = systemd(lab.folder.path, async () => {
    const daemons = await startFakeDaemons(lab.folder.file('data'))
    t.after(() => daemons[Symbol.asyncDispose]())
  })
  Object.assign(lab.world.system, computer.system)
  return { ...lab, asked: computer.asked }
}

test('start hub installs the service, waits until it is well, and writes the permit', async t => {
  const { ztm, folder, asked } = await openSystemd(t)
  const { code, stdout } = await ztm(
    'start',
    'hub',
    '--listen',
    '0.0.0.0:8888',
    '--names',
    '1.2.3.4:8888',
    '--permit',
    'root.json',
  )
  assert.equal(code, 0)
  assert.match(
    stdout,
    /^Hub is up at hub\.example:8888, as a service: root permit written to root\.json: join with /,
  )
  assert.equal(readFileSync(folder.file('root.json'), 'utf8'), '{"ca": "root"}\n')
  assert.equal(statSync(folder.file('root.json')).mode & 0o777, 0o600)
  assert.match(
    readFileSync(folder.file(UNIT('hub')), 'utf8'),
    /^ExecStart=\/opt\/ztm\/node \/opt\/ztm\/ztm\.mjs run hub --data \S+\/data --names "1\.2\.3\.4:8888"$/m,
  )
  assert.deepEqual(asked.slice(0, 3), [
    'systemctl daemon-reload',
    'systemctl enable ztm-hub.service',
    'systemctl restart ztm-hub.service',
  ])
})

test('start agent says where its page is', async t => {
  const { ztm } = await openSystemd(t)
  const { code, stdout } = await ztm('start', 'agent')
  assert.equal(code, 0)
  assert.equal(stdout, 'Agent is up at http://127.0.0.1:7777 (`ztm gui` logs in), as a service\n')
})

test('start gateway installs the service, which sees its configuration, and waits until it is up', async t => {
  const lab = await openLab(t, nothing)
  const { folder, ztm, world } = lab
  mkdirSync(folder.file('data/gateway'), { recursive: true })
  const status = (startedAtMs: number) =>
    writeFileSync(
      folder.file('data/gateway/gateway.json'),
      JSON.stringify({ startedAtMs, addresses: ['0.0.0.0:443'] }),
    )
  // Of a gateway that ran before.
  status(0)
  const { system, asked } = systemd(folder.path, async () => status(Date.now() + 1_000))
  Object.assign(world.system, system)
  Object.assign(world, {
    inspectGateway: async () => ({
      needsLowPorts: true,
      readableFolders: ['/etc/ztm', '/home/ann/gateway'],
      writableFolders: ['/var/log/ztm'],
      needsEnvironment: false,
    }),
  })
  const { code, stdout, stderr } = await ztm('start', 'gateway', '-c', 'g.yaml', '--metrics', '9900')
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.equal(stdout, 'Gateway is up at 0.0.0.0:443, as a service\n')
  const unit = readFileSync(folder.file(UNIT('gateway')), 'utf8')
  assert.match(
    unit,
    /^ExecStart=.* run gateway --data \S+\/data --config \S+\/g\.yaml --metrics "127\.0\.0\.1:9900"$/m,
  )
  assert.match(unit, /^ExecReload=\/bin\/kill -HUP \$MAINPID$/m)
  assert.match(unit, /^BindPaths=\S+\/data \/var\/log\/ztm$/m)
  assert.match(unit, /^BindReadOnlyPaths=\/home\/ann\/gateway$/m)
  assert.match(unit, /^AmbientCapabilities=CAP_NET_BIND_SERVICE$/m)
  assert.ok(asked.includes('systemctl restart ztm-gateway.service'))
  assert.equal((await ztm('stop', 'gateway')).code, 0)
  assert.ok(asked.includes('systemctl disable --now ztm-gateway.service'))
  const again = await ztm('stop', 'gateway')
  assert.equal(again.code, 3)
  assert.match(again.stderr, /it is no service here: end the "ztm run gateway" that runs it/)
})

test('start gateway refuses what a service could not do', async t => {
  const { ztm, world } = await openSystemd(t)
  const inspect = (needs: object) =>
    Object.assign(world, {
      inspectGateway: async () => ({
        needsLowPorts: false,
        readableFolders: [],
        writableFolders: [],
        needsEnvironment: false,
        ...needs,
      }),
    })
  inspect({ needsEnvironment: true })
  const login = await ztm('start', 'gateway', '-c', 'g.yaml')
  assert.equal(login.code, 2)
  assert.match(login.stderr, /a service has no environment of yours/)
  const { homeFolder } = (await world.system.machine()).user
  for (const folder of [homeFolder, '/']) {
    inspect({ readableFolders: [folder] })
    const { code, stderr } = await ztm('start', 'gateway', '-c', 'g.yaml')
    assert.equal(code, 2)
    assert.match(stderr, /put its files into a folder of their own/)
  }
})

test('start prints the last lines of the log when the daemon does not get well', async t => {
  const lab = await openLab(t, nothing)
  const { folder, ztm, world } = lab
  const { system } = systemd(folder.path, async () => {
    const line = {
      level: 'error',
      time: new Date(Date.now() + 1_000).toISOString(),
      event: 'agent.failed',
      why: 'x',
    }
    writeFileSync(folder.file('data/agent.log'), `${JSON.stringify(line)}\n`)
  })
  Object.assign(world.system, system)
  const { code, stdout, stderr } = await ztm('start', 'agent', '--timeout', '1s')
  assert.deepEqual({ code, stdout }, { code: 10, stdout: '' })
  assert.match(
    stderr,
    / error agent\.failed why=x\nztm: Cannot start agent: the service is installed, but it did not answer/,
  )
})

test('start without a service manager says to use run', async t => {
  const { ztm } = await openLab(t, nothing)
  const { code, stderr } = await ztm('start', 'agent')
  assert.equal(code, 10)
  assert.equal(
    stderr,
    'ztm: Cannot start agent as a service: this machine has no systemd: use "ztm run agent"\n',
  )
})

test('stop removes the service of this folder, and leaves that of another alone', async t => {
  const { ztm, folder, asked } = await openSystemd(t)
  await ztm('start', 'agent')
  assert.equal((await ztm('stop', 'agent', '--data', folder.file('other'))).code, 5)
  assert.ok(existsSync(folder.file(UNIT('agent'))))
  const { code, stdout } = await ztm('stop', 'agent')
  assert.equal(code, 0)
  assert.match(stdout, /it is no service any more: `ztm start agent` brings it back\n$/)
  assert.ok(asked.includes('systemctl disable --now ztm-agent.service'))
  assert.ok(!existsSync(folder.file(UNIT('agent'))))
})

test('stop of a service for all users wants an administrator', async t => {
  const { ztm, world, folder, asked } = await openSystemd(t)
  await ztm('start', 'agent')
  const machine = await world.system.machine()
  Object.assign(world.system, { machine: async () => ({ ...machine, isAdministrator: false }) })
  const { code, stderr } = await ztm('stop', 'agent')
  assert.equal(code, 10)
  assert.match(stderr, /do it as administrator \(sudo\)\n$/)
  assert.ok(existsSync(folder.file(UNIT('agent'))))
  assert.ok(!asked.some(line => line.includes('disable')))
})
