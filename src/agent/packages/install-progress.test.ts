import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAppRef } from '../../core/app/manifest.ts'
import type { Release } from '../../core/app/release.ts'
import { createInstallProgresses } from './install-progress.ts'

const release = { ...parseAppRef('alice/notes'), sizeBytes: 100 } as Release
const NONE = { receivedBytes: 0, sizeBytes: 0 }

test('how much was fetched is told while it is fetched, of that app, and not after', async () => {
  const progresses = createInstallProgresses()
  const shown: unknown[] = []
  const fetched = await progresses.track(release, async onBytes => {
    shown.push(progresses.show(release))
    onBytes(40)
    shown.push(progresses.show(release), progresses.show(parseAppRef('alice/game')))
    return 'bytes'
  })
  assert.equal(fetched, 'bytes')
  assert.deepEqual(shown, [{ receivedBytes: 0, sizeBytes: 100 }, { receivedBytes: 40, sizeBytes: 100 }, NONE])
  assert.deepEqual(progresses.show(release), NONE)
  await assert.rejects(progresses.track(release, () => Promise.reject(new Error('gone'))))
  assert.deepEqual(progresses.show(release), NONE)
})
