import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Draft, FIRST_DRAFT, formatRun, languageOf, parseDraft, readDraft } from './script-draft.ts'

const draft = (change: Partial<Draft>): Draft => ({ ...FIRST_DRAFT, ...change })

test('a draft is read back as it was kept, and whatever else is kept there is the first draft', () => {
  const kept = draft({ source: '端点', args: ['a b', ''], endpoints: ['x'] })
  assert.deepEqual(parseDraft(JSON.stringify(kept)), kept)
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string(), fc.constant(null)), text => void parseDraft(text)))
  assert.equal(parseDraft('{"name":1}'), FIRST_DRAFT)
})

test('the ending of the name says the language', () => {
  assert.deepEqual(['a.ts', 'a.js', 'a.mjs', 'a.cjs', 'a.cts', 'a', 'a.mts'].map(languageOf), [
    'mts',
    'mjs',
    'mjs',
    'cjs',
    'cts',
    'mts',
    'mts',
  ])
})

test('a name without a port is any port, and sizes are counted in bytes', () => {
  const grants = { ...FIRST_DRAFT.grants, network: ['example.com', '10.0.0.0/8:80,443'] }
  const { request, source } = readDraft(draft({ source: '端', grants, timeoutS: 1.5 }))
  assert.ok(request.kind === 'run')
  assert.deepEqual(request.grants?.network, ['example.com:*', '10.0.0.0/8:80,443'])
  assert.deepEqual([request.sourceBytes, source.length, request.timeoutMs], [3, 3, 1_500])
  assert.throws(() => readDraft(draft({ source: 'x'.repeat(1_048_577) })), { code: 'too-large' })
  assert.throws(() => readDraft(draft({ args: ['x'.repeat(61_440)] })), { code: 'too-large' })
})

test('what a script reads goes along as it was typed, up to a limit', () => {
  const { input } = readDraft(draft({ input: "端\n it's" }))
  assert.equal(new TextDecoder().decode(input), "端\n it's")
  assert.throws(() => readDraft(draft({ input: 'x'.repeat(1_048_577) })), { code: 'too-large' })
  assert.match(
    formatRun(draft({ input: "it's" }), ['a']),
    /^printf %s 'it'\\''s' \| ztm script hello.ts --ep a$/,
  )
  // Drafts that were kept before there was any have none.
  const { input: _, ...older } = draft({})
  assert.equal(parseDraft(JSON.stringify(older)).input, '')
})

test('the command says the same, quoted for a shell', () => {
  const grants = { ...FIRST_DRAFT.grants, read: ['/var/log', '~/a b'], network: ['localhost:8080'] }
  const full = draft({ name: 'disk.ts', args: ['--all', 'a b'], grants, timeoutS: 5, memoryMb: 64 })
  assert.equal(
    formatRun(full, ['office', 'home']),
    "ztm script disk.ts --ep office home --allow-read /var/log --allow-read '~/a b' --allow-net localhost:8080 --memory 64 --timeout 5s -- --all 'a b'",
  )
  assert.equal(formatRun(draft({}), []), 'ztm script hello.ts --ep ENDPOINT')
})
