import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import { createFakeEdge } from '../../testing/fake-edge.ts'
import { openLab } from '../recorded-world.ts'

test('update authenticator sets another password, which is nowhere on the line', async t => {
  const { ztm, daemons, folder } = await openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS })
  const edge = createFakeEdge({ authenticators: [{ id: 'a1', method: 'updb', username: 'ann' }] })
  daemons.answer('agent.passEdge', edge.answer)
  writeFileSync(folder.file('pw'), 'battery staple\n')
  const { code, stderr } = await ztm(
    'update',
    'authenticator',
    'a1',
    '--password',
    'pw',
    '--username',
    'ann2',
  )
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.deepEqual(edge.changes.at(-1)?.body, { username: 'ann2', password: 'battery staple' })
  assert.equal((await ztm('update', 'authenticator', 'a1')).code, 2)
})
