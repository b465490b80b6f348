import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { openCopyRig } from '../../testing/copy-rig.ts'

test('a folder is made, and things are renamed and removed on the disk of an endpoint', async t => {
  const { change, far } = openCopyRig(t)
  const at = (name: string) => ({ endpoint: 'far', path: far.file(name) })
  assert.ok((await change('near', { kind: 'make-folder', at: at('new folder/') })).ended)
  writeFileSync(far.file('new folder/a.txt'), 'a')
  assert.ok((await change('near', { kind: 'rename', at: at('new folder'), name: 'nëw' })).ended)
  assert.equal(readFileSync(far.file('nëw/a.txt'), 'utf8'), 'a')
  const refusals = [
    [{ kind: 'make-folder', at: at('nëw') }, 'conflict'],
    [{ kind: 'make-folder', at: at('none/below') }, 'not-found'],
    [{ kind: 'rename', at: at('none'), name: 'x' }, 'not-found'],
    [{ kind: 'remove', at: at('none') }, 'not-found'],
    [{ kind: 'remove', at: at('nëw') }, 'conflict'],
    [{ kind: 'remove', at: { endpoint: 'far', path: '/' }, isWhole: true }, 'bad-input'],
  ] as const
  for (const [asked, code] of refusals)
    assert.equal((await change('near', asked)).refused?.code, code, JSON.stringify(asked))
  writeFileSync(far.file('b'), 'b')
  assert.equal((await change('near', { kind: 'rename', at: at('b'), name: 'nëw' })).refused?.code, 'conflict')
  for (const name of ['..', '.', 'a/b', '../up', '\0'])
    assert.equal(
      (await change('near', { kind: 'rename', at: at('b'), name })).refused?.code,
      'bad-name',
      name,
    )
  assert.ok((await change('near', { kind: 'remove', at: at('nëw/a.txt') })).ended)
  assert.ok((await change('near', { kind: 'remove', at: at('nëw') })).ended)
  assert.deepEqual(readdirSync(far.path), ['b'])
})

test('a whole folder is removed with progress, what was being written there too, and nothing that links lead to', async t => {
  const { change, far, near } = openCopyRig(t)
  mkdirSync(far.file('all/deep'), { recursive: true })
  for (let number = 0; number < 450; number += 1) writeFileSync(far.file(`all/deep/${number}`), '')
  writeFileSync(far.file('all/.ztm-part-0123456789abcdef'), 'half')
  writeFileSync(near.file('kept'), 'kept')
  symlinkSync(near.path, far.file('all/out'))
  symlinkSync(near.path, far.file('link'))
  const whole = { kind: 'remove', isWhole: true } as const
  // What is there is the link, not what it leads to.
  assert.ok((await change('near', { ...whole, at: { endpoint: 'far', path: far.file('link') } })).ended)
  const { events, ended } = await change('near', { ...whole, at: { endpoint: 'far', path: far.file('all') } })
  assert.equal(ended?.removedCount, 453)
  assert.deepEqual(
    events.flatMap(event => (event.event === 'progress' ? [event.fileCount] : [])),
    [200, 400, 452],
  )
  assert.deepEqual(readdirSync(far.path), [])
  assert.equal(readFileSync(near.file('kept'), 'utf8'), 'kept')
})

test('others change nothing outside of what they were granted, nor that folder itself, and read alone changes nothing', async t => {
  const { change, grant, far } = openCopyRig(t)
  for (const name of ['granted', 'read', 'secret']) mkdirSync(far.file(name))
  for (const name of ['granted/a', 'read/a', 'secret/a']) writeFileSync(far.file(name), name)
  symlinkSync('../secret', far.file('granted/out'))
  await grant({ folder: far.file('granted'), users: ['bob'], mayWrite: true })
  await grant({ folder: far.file('read'), users: ['bob'] })
  const at = (name: string) => ({ endpoint: 'far', user: 'root', path: far.file(name) })
  const refused = ['granted', 'read/a', 'secret', 'secret/a', 'granted/../secret/a', 'granted/out/a', 'read']
  for (const name of refused)
    for (const asked of [
      { kind: 'remove', at: at(name), isWhole: true },
      { kind: 'rename', at: at(name), name: 'moved' },
    ] as const) {
      // No link is followed: what is behind one is not there.
      const code = name === 'granted/out/a' ? 'not-found' : 'denied'
      assert.equal((await change('other', asked)).refused?.code, code, `${asked.kind} ${name}`)
    }
  for (const name of ['read/new', 'secret/new', 'new'])
    assert.equal((await change('other', { kind: 'make-folder', at: at(name) })).refused?.code, 'denied', name)
  assert.deepEqual(readdirSync(far.file('secret')), ['a'])
  assert.deepEqual(readdirSync(far.file('read')), ['a'])
  assert.ok((await change('other', { kind: 'make-folder', at: at('granted/new') })).ended)
  assert.ok((await change('other', { kind: 'rename', at: at('granted/a'), name: 'b' })).ended)
  assert.ok((await change('other', { kind: 'remove', at: at('granted/out'), isWhole: true })).ended)
  assert.deepEqual(readdirSync(far.file('granted')).sort(), ['b', 'new'])
  assert.ok(existsSync(far.file('secret/a')))
})
