import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMMANDS } from '../command-table.ts'
import { createCli } from '../context.ts'
import { createRecordedWorld } from '../recorded-world.ts'
import { completeWords } from './candidates.ts'

/** What fits after a line; live names are `<kind>-1`, and `home` for meshes. */
async function complete(line: string) {
  const { world } = createRecordedWorld({ folder: '/nowhere' })
  const { candidates, hasFiles } = await completeWords(
    line.split(' '),
    createCli(world, COMMANDS),
    async kind => (kind === 'mesh' ? [{ word: 'home' }] : kind === 'name' ? [] : [{ word: `${kind}-1` }]),
  )
  return [...candidates.map(({ word }) => word), ...(hasFiles ? [':files'] : [])]
}

test('commands, subcommands and the prefixes are completed', async () => {
  const all = await complete('')
  for (const { name, isHidden } of COMMANDS) assert.equal(all.includes(name), isHidden !== true, name)
  assert.deepEqual(await complete('tun'), ['tunnel'])
  assert.deepEqual(await complete('me'), ['mesh'])
  assert.deepEqual(await complete('tunnel o'), ['open'])
  assert.deepEqual(await complete('tunnel open '), ['inbound', 'outbound', 'help'])
  assert.deepEqual(await complete('mesh '), ['home'])
  assert.deepEqual(await complete('mesh home ep '), ['endpoint-1'])
  assert.deepEqual(await complete('mesh home tunnel c'), ['close'])
  assert.deepEqual(await complete('help tunnel op'), ['open'])
})

test('arguments are completed by their kind', async () => {
  assert.deepEqual(await complete('get e'), [
    'ep',
    'eviction',
    'enrollment',
    'edge-router',
    'edge-router-policy',
  ])
  assert.deepEqual(await complete('describe config'), ['config', 'config-type'])
  assert.deepEqual(await complete('describe policy '), ['policy-1'])
  assert.deepEqual(await complete('update policy '), ['policy-1'])
  assert.deepEqual(await complete('create policy x --type '), ['Dial', 'Bind'])
  assert.deepEqual(await complete('create config x --type '), ['config-type-1'])
  assert.deepEqual(await complete('describe ep '), ['ep-1'])
  assert.deepEqual(await complete('describe mesh '), ['home'])
  assert.deepEqual(await complete('ping ep '), ['endpoint-1'])
  assert.deepEqual(await complete('leave '), ['home'])
  assert.deepEqual(await complete('join '), [])
  assert.deepEqual(await complete('evict '), ['user-1'])
  assert.deepEqual(await complete('log hub '), ['hub-1'])
  assert.deepEqual(await complete('tunnel close in '), ['in-1'])
  assert.deepEqual(await complete('tunnel open outbound '), ['tunnel-1'])
  assert.deepEqual(await complete('delete invitation '), ['invitation-1'])
  assert.deepEqual(await complete('completion '), ['bash', 'zsh', 'fish', 'powershell'])
})

test('options and their values are completed, wherever they stand', async () => {
  assert.deepEqual(await complete('ping ep x --c'), ['--count'])
  assert.deepEqual(await complete('tunnel open inbound --ex'), ['--exits'])
  assert.deepEqual(await complete('tunnel open inbound tcp/x --exits a '), ['endpoint-1'])
  assert.deepEqual(await complete('tunnel open outbound --users '), ['user-1'])
  assert.deepEqual(await complete('tunnel open outbound --balance l'), ['least-connections'])
  assert.deepEqual(await complete('get -o j'), ['json'])
  assert.deepEqual(await complete('get --output=y'), ['--output=yaml'])
  assert.deepEqual(await complete('get --mesh='), ['--mesh=home'])
  assert.deepEqual(await complete('get ep --mesh h'), ['home'])
  assert.deepEqual(await complete('--data x get us'), ['user'])
  assert.deepEqual(await complete('join m --permit '), ['file-1', ':files'])
  assert.deepEqual(await complete('evict --undo '), ['eviction-1'])
  assert.deepEqual(await complete('evict bob --undo --rea'), ['--reason'])
})

test('a line that means nothing has no candidates, and is no error', async () => {
  const { ztm } = createRecordedWorld({ folder: '/nowhere' })
  for (const line of [
    'frob ',
    'get mesh a b c ',
    'get --frob=',
    'mesh a mesh b x',
    'ep a/b/c ',
    '-o bad ge',
  ]) {
    const { code, stderr } = await ztm('__complete', 'fish', '--', ...line.split(' '))
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, line)
  }
})
