import assert from 'node:assert/strict'
import { userInfo } from 'node:os'
import { test } from 'node:test'
import { type Machine, readMachine } from './machine.ts'
import { detectServiceManager, findOwner } from './service-manager.ts'

function machineOf(part: Partial<Machine> = {}): Machine {
  return {
    platform: 'linux',
    isAdministrator: false,
    user: { name: 'ann', uid: 1000, gid: 1000, homeFolder: '/home/ann' },
    env: {},
    exists: path => path === '/run/systemd/system',
    ...part,
  }
}

const root = { isAdministrator: true, user: { name: 'root', uid: 0, gid: 0, homeFolder: '/home/of-root' } }
const sudo = { SUDO_USER: 'ann', SUDO_UID: '1000', SUDO_GID: '1001' }

test('detectServiceManager() finds systemd, of the system for root and of the user for others', () => {
  assert.deepEqual(detectServiceManager('hub', machineOf(root)), {
    kind: 'systemd',
    scope: 'system',
    folder: '/etc/systemd/system',
  })
  assert.deepEqual(detectServiceManager('hub', machineOf()), {
    kind: 'systemd',
    scope: 'user',
    folder: '/home/ann/.config/systemd/user',
  })
  assert.deepEqual(detectServiceManager('hub', machineOf({ env: { XDG_CONFIG_HOME: '/cfg' } })), {
    kind: 'systemd',
    scope: 'user',
    folder: '/cfg/systemd/user',
  })
})

test('detectServiceManager() finds launchd and the task scheduler', () => {
  assert.deepEqual(detectServiceManager('agent', machineOf({ platform: 'darwin' })), {
    kind: 'launchd',
    scope: 'user',
    folder: '/home/ann/Library/LaunchAgents',
    domain: 'gui/1000',
  })
  assert.deepEqual(detectServiceManager('agent', machineOf({ platform: 'darwin', ...root })), {
    kind: 'launchd',
    scope: 'system',
    folder: '/Library/LaunchDaemons',
    domain: 'system',
  })
  assert.deepEqual(detectServiceManager('agent', machineOf({ platform: 'win32' })), {
    kind: 'task-scheduler',
    scope: 'user',
  })
})

test('detectServiceManager() says what to do where nothing runs services', () => {
  assert.throws(() => detectServiceManager('agent', machineOf({ exists: () => false })), {
    code: 'unsupported',
    message: 'Cannot start agent as a service: this machine has no systemd: use "ztm run agent"',
  })
  assert.throws(() => detectServiceManager('hub', machineOf({ platform: 'freebsd' })), {
    code: 'unsupported',
    message: 'Cannot start hub as a service: no services are known for freebsd: use "ztm run hub"',
  })
})

test('findOwner() is the user behind sudo, with the home the system knows', async () => {
  const asked: string[] = []
  const owner = await findOwner(machineOf({ ...root, env: sudo }), async (command, words) => {
    asked.push([command, ...words].join(' '))
    return { status: 0, output: 'ann:x:1000:1001:Ann,,,:/home/ann lee:/bin/sh\n' }
  })
  assert.deepEqual(owner, { name: 'ann', uid: 1000, gid: 1001, homeFolder: '/home/ann lee' })
  assert.deepEqual(asked, ['getent passwd -- ann'])
  const mac = machineOf({ ...root, env: sudo, platform: 'darwin' })
  const ofMac = await findOwner(mac, async () => ({ status: 0, output: 'NFSHomeDirectory: /Users/ann\n' }))
  assert.equal(ofMac.homeFolder, '/Users/ann')
})

test('findOwner() is who runs the command when there is no sudo, or only root behind it', async () => {
  const none = () => assert.fail('no tool is needed')
  assert.equal((await findOwner(machineOf({ env: sudo }), none)).name, 'ann')
  for (const env of [{}, { ...sudo, SUDO_USER: 'root' }, { ...sudo, SUDO_UID: '-1' }, { SUDO_USER: 'ann' }]) {
    assert.equal((await findOwner(machineOf({ ...root, env }), none)).name, 'root')
  }
})

test('findOwner() refuses to guess a home', async () => {
  for (const result of [
    { status: 2, output: '' },
    { status: 0, output: 'ann:x:1000:1001::' },
  ]) {
    await assert.rejects(
      findOwner(machineOf({ ...root, env: sudo }), async () => result),
      { code: 'not-found' },
    )
  }
})

test('readMachine() sees this computer', async () => {
  const given = { platform: 'linux', env: {}, homeFolder: '/home/ann' } as const
  const machine = await readMachine(given, () => assert.fail('no tool is needed'))
  const { username, uid, gid } = userInfo()
  assert.deepEqual(machine.user, { name: username, uid, gid, homeFolder: '/home/ann' })
  assert.equal(machine.isAdministrator, uid === 0)
  assert.deepEqual([machine.exists(import.meta.filename), machine.exists('/no/such/file')], [true, false])
})

test('readMachine() asks Windows whether this is an administrator', async () => {
  const given = { platform: 'win32', env: {}, homeFolder: 'C:\\Users\\ann' } as const
  const machine = await readMachine(given, async (command, words) => {
    assert.deepEqual([command, ...words], ['net', 'session'])
    return { status: 2, output: 'Access is denied.' }
  })
  assert.equal(machine.isAdministrator, false)
  assert.equal(machine.user.uid, undefined)
})
