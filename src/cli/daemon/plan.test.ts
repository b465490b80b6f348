import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandLineOf, type ServicePlan } from './plan.ts'

const PLAN: ServicePlan = {
  role: 'agent',
  program: ['/opt/ztm/bin/node', '/opt/ztm/dist/ztm.mjs'],
  options: ['--listen', '127.0.0.1:7777'],
  dataFolder: '/home/ann/.ztm',
  owner: { name: 'ann', uid: 1000, gid: 1000, homeFolder: '/home/ann' },
}

test('commandLineOf() runs the role on its state folder', () => {
  assert.deepEqual(commandLineOf(PLAN), [
    '/opt/ztm/bin/node',
    '/opt/ztm/dist/ztm.mjs',
    'run',
    'agent',
    '--data',
    '/home/ann/.ztm',
    '--listen',
    '127.0.0.1:7777',
  ])
})

test('commandLineOf() refuses secrets', () => {
  const secrets = [
    'ztm://permit/eyJh',
    'http://ann:pass@proxy:3128',
    '--permit={"privateKey":""}',
    '-----BEGIN KEY',
  ]
  for (const secret of secrets) {
    assert.throws(() => commandLineOf({ ...PLAN, options: [secret] }), {
      code: 'bad-input',
      message:
        'Cannot start agent as a service: an option holds a secret, and every user can read a command line: leave it out',
    })
  }
  const harmless = ['http://proxy:3128/a@b', '0.0.0.0:8888', '--names=hub.example:8888']
  assert.equal(commandLineOf({ ...PLAN, options: harmless }).length, 9)
})

test('commandLineOf() refuses relative paths and control characters', () => {
  const bad: Partial<ServicePlan>[] = [
    { program: ['node'] },
    { program: [] },
    { dataFolder: '.ztm' },
    { dataFolder: '/a\nb' },
    { writableFolders: ['music'] },
    { writableFolders: ['/a\u0000'] },
    { options: ['a\u0085'] },
    { options: ['\ud800'] },
  ]
  for (const part of bad) assert.throws(() => commandLineOf({ ...PLAN, ...part }), { code: 'bad-input' })
})

test('commandLineOf() takes a path of Windows', () => {
  const plan = { ...PLAN, program: ['C:\\ztm\\ztm.exe'], dataFolder: 'C:\\Users\\ann\\.ztm', options: [] }
  assert.deepEqual(commandLineOf(plan), [
    'C:\\ztm\\ztm.exe',
    'run',
    'agent',
    '--data',
    'C:\\Users\\ann\\.ztm',
  ])
})
