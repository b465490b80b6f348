import assert from 'node:assert/strict'
import { test } from 'node:test'
import { releaseInfoShape } from '../../core/api/catalogue-api.ts'
import { newestOf, pageHref } from './app-versions.ts'

const release = (version: string, more: object = {}) =>
  releaseInfoShape.parse({
    ...{
      provider: 'alice',
      name: 'notes',
      version,
      channel: 'stable',
      description: '',
      hash: 'h',
      sizeBytes: 1,
    },
    ...{ publicKey: 'k', publishedAtMs: 1, isWithdrawn: false, ...more },
  })

test('the newest is the highest of its channel that is offered, whatever the order', () => {
  const here = release('1.2.0')
  const all = ['1.9.0', '1.10.0', '1.1.0', '1.2.0'].map(version => release(version))
  assert.equal(newestOf(here, all)?.version, '1.10.0')
  assert.equal(newestOf(here, all.toReversed())?.version, '1.10.0')
  const others = [
    release('3.0.0', { channel: 'beta' }),
    release('3.0.0', { isWithdrawn: true }),
    release('3.0.0', { provider: 'eve' }),
    release('3.0.0', { name: 'game' }),
    here,
  ]
  assert.equal(newestOf(here, others), undefined)
})

test('the page of an app is at a path that says whose it is', () => {
  assert.equal(pageHref('my mesh', release('1.0.0')), '/my%20mesh/apps/alice/notes/page')
})
