import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startFakeDaemons } from '../testing/fake-daemons.ts'
import { openLab } from './recorded-world.ts'

test('what makes a secret makes none where it cannot be written', async t => {
  const { ztm, daemons, folder } = await openLab(t, startFakeDaemons)
  const lines = [
    'invite bob --permit none/bob.json',
    'create hub --permit none/hub.json',
    'permit --new --permit none/root.json',
    'create identity ann --ott none/ann.jwt',
  ]
  for (const line of lines) {
    const { code, stderr } = await ztm(...line.split(' '))
    assert.equal(code, 3, `${line}: ${stderr}`)
    assert.match(stderr, /^ztm: Cannot write .*: there is no folder ".*none": make it first$/m)
  }
  const changed = daemons.calls.filter(({ route }) => /invite|createHub|showPermit/.test(route))
  assert.deepEqual(changed, [])
  const asked = daemons.calls.filter(
    ({ body }) => (body as { method?: string } | undefined)?.method === 'POST',
  )
  assert.deepEqual(asked, [])
  assert.equal((await ztm('invite', 'bob', '--permit', 'bob.json')).code, 0)
  assert.match(readFileSync(folder.file('bob.json'), 'utf8'), /^\{/)
})
