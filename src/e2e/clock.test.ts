import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { createProcessMesh, type ProcessMesh } from '../testing/process-mesh.ts'

// Agents on computers whose clock is wrong: Debian's faketime turns it for one process.

let mesh: ProcessMesh
let link = ''

before(async () => {
  mesh = await createProcessMesh()
  await mesh.startHub()
  await mesh.join('home')
  link = ((await mesh.json('home', 'invite', 'bob')) as { link: string }).link
})

after(() => mesh[Symbol.asyncDispose]())

for (const [name, offset, minutes] of [
  ['behind', '-10m', -10],
  ['ahead', '+10m', 10],
] as const) {
  test(`an agent ten minutes ${name} is told both times on join, with a permit and with a link`, async () => {
    await startAt(name, offset)
    for (const permit of [mesh.permit, link]) {
      const { code, stderr } = await mesh.ztm(name, ['join', 'home', '--as', name, '--permit', permit])
      assert.equal(code, 8, stderr)
      assert.match(stderr, /^ztm: Cannot \w+: .*, 10 min apart: set the wrong one\n$/)
      const [, mine = '', hubs = ''] = /this computer's clock says (\S+), the hub's (\S+),/.exec(stderr) ?? []
      const apartMinutes = (Date.parse(mine) - Date.parse(hubs)) / 60_000
      assert.ok(Math.abs(apartMinutes - minutes) < 0.2, stderr)
      assert.ok(Math.abs(Date.parse(hubs) - Date.now()) < 30_000, stderr)
    }
    assert.deepEqual(await mesh.json(name, 'get', 'mesh'), [])
  })
}

test('agents three minutes off, either way, join and are reached', async () => {
  await Promise.all([startAt('slow', '-3m'), startAt('fast', '+3m')])
  const join = (name: string) => mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
  await Promise.all([join('slow'), join('fast')])
  for (const [from, to] of [
    ['slow', 'fast'],
    ['fast', 'slow'],
    ['home', 'slow'],
  ] as const) {
    assert.match(await mesh.run(from, 'ping', 'ep', to, '-c', '1'), /1 received/)
  }
})

/** Start an agent whose clock is wrong by `offset`; the one that timers run by is left alone. */
async function startAt(name: string, offset: string): Promise<void> {
  const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1')
  assert.ok(library, 'faketime is not installed: apt-get install faketime')
  const env = { LD_PRELOAD: library, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' }
  await mesh.startAgent(name, { env })
}
