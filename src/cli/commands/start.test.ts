import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
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
