import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAppMesh } from '../../testing/app-testing.ts'

const BOARD = join(import.meta.dirname, '../../../examples/board')

test('the example app has 18 lines, and shows each the notes of all', async () => {
  assert.equal(readFileSync(join(BOARD, 'app.ts'), 'utf8').trimEnd().split('\n').length, 18)
  await using mesh = await createAppMesh(BOARD)
  const [office, laptop] = await Promise.all([mesh.start('office'), mesh.start('laptop')])
  const posted = await office.fetch('/', { method: 'POST', body: 'milk' })
  assert.equal(posted.status, 201)
  await laptop.fetch('/', { method: 'POST', body: 'bread' })
  for (const one of [office, laptop]) {
    const notes = (await (await one.fetch('/')).json()) as { value: { text: string; by: string } }[]
    assert.deepEqual(
      notes.map(({ value }) => `${value.by}: ${value.text}`),
      ['office: milk', 'laptop: bread'],
    )
  }
})

test('an app is tried with several users, settings, and what it logs', async () => {
  await using mesh = await createAppMesh(BOARD)
  const ann = await mesh.start('of-ann', 'ann')
  const bob = await mesh.start('of-bob', 'bob')
  await bob.fetch('/', { method: 'POST', body: 'secret' })
  assert.deepEqual(await (await ann.fetch('/')).json(), [])
  await bob.share(['ann'])
  assert.equal(((await (await ann.fetch('/')).json()) as unknown[]).length, 1)
  assert.ok(ann.log.some(line => line.startsWith('app.started')))
})
