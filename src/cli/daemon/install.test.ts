import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { installService, removeService, type ServiceTools } from './install.ts'
import type { Machine } from './machine.ts'
import type { ServicePlan } from './plan.ts'
import type { ToolResult } from './run-tool.ts'
import type { ServiceManager } from './service-manager.ts'

const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

const PLAN: ServicePlan = {
  role: 'agent',
  program: ['/opt/ztm/ztm'],
  options: [],
  dataFolder: '/home/ann/.ztm',
  owner: { name: 'ann', ...ids, homeFolder: '/home/ann' },
}

const MANAGERS = {
  system: { kind: 'systemd', scope: 'system', folder: '/etc/systemd/system' },
  user: { kind: 'systemd', scope: 'user', folder: '/home/ann/.config/systemd/user' },
  launchd: { kind: 'launchd', scope: 'user', folder: '/home/ann/Library/LaunchAgents', domain: 'gui/501' },
  windows: { kind: 'task-scheduler', scope: 'user' },
} as const satisfies Record<string, ServiceManager>

/** A computer below a folder whose tools write down what they were asked, and answer as told. */
function computer(root: string, manager: ServiceManager, answers: Record<string, Partial<ToolResult>> = {}) {
  const asked: string[] = []
  const machine: Machine = {
    platform: manager.kind === 'launchd' ? 'darwin' : 'linux',
    isAdministrator: manager.scope === 'system',
    user: PLAN.owner,
    env: {},
    exists: path => path === '/run/systemd/system' || existsSync(path),
  }
  const run = async (command: string, words: readonly string[]): Promise<ToolResult> => {
    const line = [command, ...words].join(' ').replaceAll(root, '')
    asked.push(line)
    return { status: 0, output: '', ...answers[line] }
  }
  const tools: ServiceTools = { manager, machine, run, root }
  return { tools, asked }
}

test('installService() writes, enables and restarts a unit of the system', async () => {
  using folder = makeScratchFolder()
  const { tools, asked } = computer(folder.path, MANAGERS.system)
  const { place, notes } = await installService(PLAN, tools)
  const unit = folder.file('etc/systemd/system/ztm-agent.service')
  assert.equal(place, '/etc/systemd/system/ztm-agent.service')
  assert.match(readFileSync(unit, 'utf8'), /^ExecStart=\/opt\/ztm\/ztm run agent --data \/home\/ann\/\.ztm$/m)
  assert.equal(statSync(unit).mode & 0o777, 0o644)
  assert.equal(statSync(folder.file('home/ann/.ztm')).mode & 0o777, 0o700)
  assert.deepEqual(asked, [
    'systemctl daemon-reload',
    'systemctl enable ztm-agent.service',
    'systemctl restart ztm-agent.service',
  ])
  assert.equal(notes.length, 1)
  assert.deepEqual((await installService({ ...PLAN, reach: 'open' }, tools)).notes, [])
})

test('installService() tells a user about lingering', async () => {
  using folder = makeScratchFolder()
  const { tools, asked } = computer(folder.path, MANAGERS.user)
  const { notes } = await installService(PLAN, tools)
  assert.deepEqual(asked, [
    'systemctl --user daemon-reload',
    'systemctl --user enable ztm-agent.service',
    'systemctl --user restart ztm-agent.service',
  ])
  assert.deepEqual(notes, [
    'The agent ends when you log out and starts when you log in: to keep it, run `loginctl enable-linger`',
  ])
})

test('installService() loads a LaunchAgent, after unloading the one before', async () => {
  using folder = makeScratchFolder()
  const notLoaded = { 'launchctl print gui/501/ztm.agent': { status: 113 } }
  const first = computer(folder.path, MANAGERS.launchd, notLoaded)
  await installService(PLAN, first.tools)
  const second = computer(folder.path, MANAGERS.launchd)
  await installService(PLAN, second.tools)
  const plist = '/home/ann/Library/LaunchAgents/ztm.agent.plist'
  const load = ['launchctl enable gui/501/ztm.agent', `launchctl bootstrap gui/501 ${plist}`]
  assert.deepEqual(first.asked, ['launchctl print gui/501/ztm.agent', ...load])
  assert.deepEqual(second.asked, [
    'launchctl print gui/501/ztm.agent',
    'launchctl bootout gui/501/ztm.agent',
    ...load,
  ])
  assert.match(readFileSync(join(folder.path, plist), 'utf8'), /<string>ztm\.agent<\/string>/)
})

test('installService() creates a task from UTF-16 and runs it', async () => {
  using folder = makeScratchFolder()
  const { tools, asked } = computer(folder.path, MANAGERS.windows)
  await installService(PLAN, tools)
  assert.deepEqual(asked, [
    'schtasks /create /tn ztm-agent /xml /home/ann/.ztm/ztm-agent.xml /f',
    'schtasks /run /tn ztm-agent',
  ])
  const bytes = readFileSync(folder.file('home/ann/.ztm/ztm-agent.xml'))
  assert.equal(bytes.toString('utf16le').slice(0, 6), '\ufeff<?xml')
})

test('installService() reports the last lines of a tool that refuses, and stops there', async () => {
  using folder = makeScratchFolder()
  const output = 'one\ntwo\n\nthree\u001b[2J\nfour\n'
  const { tools, asked } = computer(folder.path, MANAGERS.system, {
    'systemctl enable ztm-agent.service': { status: 1, output },
  })
  await assert.rejects(installService(PLAN, tools), {
    code: 'system-failed',
    message:
      'Cannot start agent as a service: `systemctl enable ztm-agent.service` failed: two; three\ufffd[2J; four',
  })
  assert.equal(asked.length, 2)
  const denied = computer(folder.path, MANAGERS.system, {
    'systemctl daemon-reload': { status: 1, output: 'Access denied' },
  })
  await assert.rejects(installService(PLAN, denied.tools), { code: 'not-permitted' })
})

test('installService() writes nothing for a plan that cannot be written down', async () => {
  using folder = makeScratchFolder()
  const { tools, asked } = computer(folder.path, MANAGERS.system)
  await assert.rejects(installService({ ...PLAN, program: ['ztm'] }, tools), { code: 'bad-input' })
  assert.deepEqual(
    [asked, existsSync(folder.file('etc')), existsSync(folder.file('home'))],
    [[], false, false],
  )
})

test('installService() and removeService() of a user leave the service of all users alone', async () => {
  using folder = makeScratchFolder()
  await installService(PLAN, computer(folder.path, MANAGERS.system).tools)
  const { tools, asked } = computer(folder.path, MANAGERS.user)
  await assert.rejects(installService(PLAN, tools), { code: 'conflict' })
  await assert.rejects(removeService('agent', tools), { code: 'not-permitted' })
  assert.deepEqual(asked, [])
})

test('removeService() stops, disables and removes a unit', async () => {
  using folder = makeScratchFolder()
  const { tools, asked } = computer(folder.path, MANAGERS.user)
  const { place } = await installService(PLAN, tools)
  asked.length = 0
  await removeService('agent', tools)
  assert.deepEqual(asked, [
    'systemctl --user disable --now ztm-agent.service',
    'systemctl --user daemon-reload',
  ])
  assert.deepEqual([existsSync(folder.file(place)), existsSync(folder.file('home/ann/.ztm'))], [false, true])
})

test('removeService() keeps the unit when systemd refuses', async () => {
  using folder = makeScratchFolder()
  const { tools } = computer(folder.path, MANAGERS.system, {
    'systemctl disable --now ztm-agent.service': { status: 1, output: 'Transport endpoint is not connected' },
  })
  const { place } = await installService(PLAN, tools)
  await assert.rejects(removeService('agent', tools), { code: 'system-failed' })
  assert.equal(existsSync(folder.file(place)), true)
})

test('removeService() unloads a LaunchAgent and deletes a task', async () => {
  using folder = makeScratchFolder()
  const mac = computer(folder.path, MANAGERS.launchd)
  const plist = folder.file('home/ann/Library/LaunchAgents/ztm.hub.plist')
  mkdirSync(dirname(plist), { recursive: true })
  writeFileSync(plist, '')
  await removeService('hub', mac.tools)
  assert.deepEqual(mac.asked, ['launchctl print gui/501/ztm.hub', 'launchctl bootout gui/501/ztm.hub'])
  assert.equal(existsSync(plist), false)
  const windows = computer(folder.path, MANAGERS.windows)
  await removeService('hub', windows.tools)
  assert.deepEqual(windows.asked, [
    'schtasks /query /tn ztm-hub',
    'schtasks /end /tn ztm-hub',
    'schtasks /delete /tn ztm-hub /f',
  ])
})

test('removeService() says so when there is no such service', async () => {
  using folder = makeScratchFolder()
  const expected = {
    code: 'not-found',
    message: /^Cannot stop hub: it is no service here: end the "ztm run hub"/,
  }
  for (const manager of [MANAGERS.system, MANAGERS.user, MANAGERS.launchd]) {
    await assert.rejects(removeService('hub', computer(folder.path, manager).tools), expected)
  }
  const noTask = { 'schtasks /query /tn ztm-hub': { status: 1 } }
  await assert.rejects(removeService('hub', computer(folder.path, MANAGERS.windows, noTask).tools), expected)
})
