import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { createManualClock } from '../../testing/manual-clock.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { createTestMesh } from '../../testing/test-host.ts'
import { createSyncApp } from './sync.ts'
import { cleanTrash, keepInTrash, moveToTrash } from './tree-trash.ts'

/** The files of this computer, as apps get them. */
function realDisk() {
  return createTestMesh().addEndpoint('here').host(createSyncApp()).disk
}

async function openTrash(today: string) {
  const scratch = makeScratchFolder()
  const folder = await realDisk().openFolder(scratch.path)
  const clock = createManualClock()
  clock.set(Date.parse(`${today}T12:00:00Z`))
  const context = { folder, clock, isMirror: true, isReadOnly: false, claims: new Set<string>() }
  return {
    scratch,
    context,
    async [Symbol.asyncDispose]() {
      await folder[Symbol.asyncDispose]()
      scratch[Symbol.dispose]()
    },
  }
}

test('what goes to the trash keeps its path and day, and things of one name do not replace each other', async () => {
  await using rig = await openTrash('2030-05-06')
  const { scratch, context } = rig
  mkdirSync(scratch.file('d'))
  for (const text of ['one', 'two']) {
    writeFileSync(scratch.file('d/x'), text)
    await moveToTrash(context, 'd/x')
  }
  assert.deepEqual(readdirSync(scratch.file('.ztm-mirror/trash/2030-05-06/d')).sort(), ['x', 'x~2'])
  writeFileSync(scratch.file('d/x'), 'three')
  assert.ok((await keepInTrash(context, 'd/x')) !== null)
  assert.ok(existsSync(scratch.file('d/x')), 'it stays until it is replaced')
})

test("cleanTrash() removes days that are past, and then the oldest until the rest fits, never today's", async () => {
  await using rig = await openTrash('2030-05-06')
  const { scratch, context } = rig
  const trash = scratch.file('.ztm-mirror/trash')
  const days = ['2030-03-01', '2030-04-20', '2030-05-01', '2030-05-05', '2030-05-06', 'other']
  for (const day of days) {
    mkdirSync(`${trash}/${day}/d`, { recursive: true })
    writeFileSync(`${trash}/${day}/d/x`, Buffer.alloc(100_000))
  }
  await cleanTrash(context, { keepMs: 30 * 86_400_000, keepBytes: 250_000 })
  assert.deepEqual(readdirSync(trash).sort(), ['2030-05-01', '2030-05-05', '2030-05-06', 'other'])
})
