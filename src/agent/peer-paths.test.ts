import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { createManualClock } from '../testing/manual-clock.ts'
import { PeerPaths } from './peer-paths.ts'
import type { PeerSession } from './peer-session.ts'

/** As much of a session as the choice between them looks at. */
function fakeSession(via: string) {
  const heard = Promise.withResolvers<void>()
  const session = {
    path: 'relay',
    via,
    isOpen: true,
    isSilent: false,
    streamCount: 1,
    whenHeard: () => heard.promise,
    close() {
      session.isOpen = false
      heard.resolve()
    },
    fallSilent() {
      session.isSilent = true
    },
    speak() {
      session.isSilent = false
      heard.resolve()
    },
  }
  return session
}

function pathsOver(open: (avoid: string | undefined) => Promise<unknown>) {
  return new PeerPaths({
    endpoint: 'e' as never,
    kinds: new Set(['relay'] as const),
    open: (_path, _signal, avoid) => open(avoid) as Promise<PeerSession>,
    onBetter: () => {},
    onChange: () => {},
    clock: createManualClock(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
  })
}

test('a session that was silent for a moment is used again, though the hub that was to stand in does not answer', {
  timeout: 60_000,
}, async () => {
  const first = fakeSession('controller')
  const paths = pathsOver(avoid => (avoid === undefined ? Promise.resolve(first) : new Promise(() => {})))
  assert.equal(await paths.session(), first)
  first.fallSilent()
  paths.replace(first as unknown as PeerSession, () => first.isSilent)
  const waiting = paths.session()
  first.speak()
  assert.equal(await waiting, first)
  paths.close(new MeshError('link-closed', 'over'))
})

test('a session that dies while another hub is asked to stand in is not waited for', {
  timeout: 60_000,
}, async () => {
  const first = fakeSession('controller')
  const next = fakeSession('controller')
  const ready = [first, next]
  const paths = pathsOver(avoid =>
    avoid === undefined ? Promise.resolve(ready.shift()) : new Promise(() => {}),
  )
  await paths.session()
  first.fallSilent()
  paths.replace(first as unknown as PeerSession, () => first.isSilent)
  const waiting = paths.session()
  first.close()
  paths.closed(first as unknown as PeerSession)
  assert.equal(await waiting, next)
  paths.close(new MeshError('link-closed', 'over'))
})

test('a silent session gives way to one by another hub', { timeout: 60_000 }, async () => {
  const first = fakeSession('controller')
  const other = fakeSession('second')
  const opening = Promise.withResolvers<unknown>()
  const paths = pathsOver(avoid => (avoid === undefined ? Promise.resolve(first) : opening.promise))
  await paths.session()
  first.fallSilent()
  paths.replace(first as unknown as PeerSession, () => first.isSilent)
  const waiting = paths.session()
  opening.resolve(other)
  assert.equal(await waiting, other)
  assert.equal(first.isOpen, false)
  paths.close(new MeshError('link-closed', 'over'))
})
