import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SeededRandom, withSeed } from '../../testing/seeded-random.ts'
import { createSyncModel, type ModelSide } from '../../testing/sync-model.ts'
import type { Side } from './sync-shapes.ts'

const NAMES = ['a', 'b', 'c.txt', 'ж']

function anyPath(random: SeededRandom): string {
  const pick = () => NAMES[Math.floor(random() * NAMES.length)] as string
  return Array.from({ length: 1 + Math.floor(random() * 3) }, pick).join('/')
}

function edit(side: ModelSide, random: SeededRandom, newContent: () => string): void {
  const path = anyPath(random)
  const what = random()
  if (what < 0.35) side.write(path, newContent())
  else if (what < 0.45) side.write(path, 'the same everywhere')
  else if (what < 0.55) side.makeFolder(path)
  else if (what < 0.75) side.remove(path)
  else if (what < 0.9) side.rename(path, anyPath(random))
  else if (what < 0.95) side.link(path, `to ${Math.floor(random() * 3)}`)
  else side.changeMode(path, 0o600 + Math.floor(random() * 8))
}

test('one way: the source is never touched, the target gets all that is changed there, and loses nothing of its own', () =>
  withSeed(random => {
    let count = 0
    for (let round = 0; round < 300; round++) {
      const from: Side = random() < 0.5 ? 'left' : 'right'
      const to = from === 'left' ? 'right' : 'left'
      const model = createSyncModel(from)
      for (let step = 0; step < 6; step++) {
        for (const side of ['left', 'right'] as const) {
          const edits = Math.floor(random() * 6)
          for (let i = 0; i < edits; i++) edit(model[side], random, () => `content ${count++}`)
        }
        const [before, kept] = [model[from].contents(), model.keptContents()]
        // Some of it fails, or it is cut.
        if (random() < 0.3) model.sync(() => random() < 0.6)
        model.syncWhole()
        assert.deepEqual(model[from].contents(), before, 'nothing is done at the source')
        model.assertKept(kept)
        const { actions, held } = model.plan()
        assert.deepEqual(actions, [], 'a second plan does nothing')
        const apart = new Set(held)
        const there = model[to].contents()
        for (const [path, content] of Object.entries(before)) {
          if (!apart.has(path)) assert.equal(there[path], content, path)
        }
        for (const path of Object.keys(there)) assert.ok(path in before || apart.has(path), path)
      }
    }
  }))

/** What the right has in the end, if changes go from the left alone. */
function play(
  base: Record<string, string>,
  left: (side: ModelSide) => void,
  right: (side: ModelSide) => void,
) {
  const model = createSyncModel('left')
  for (const [path, content] of Object.entries(base)) model.left.write(path, content)
  model.syncWhole()
  left(model.left)
  right(model.right)
  model.syncWhole()
  return { there: model.right.contents(), ...model.plan() }
}

test('one way: what the target changed, made or removed stays so while the source leaves it alone', () => {
  const { there, held, problems } = play(
    { a: '1', b: '2', c: '3' },
    side => side.write('c', 'new'),
    side => {
      side.write('a', 'own')
      side.remove('b')
      side.write('d/e', 'made')
    },
  )
  assert.deepEqual(there, { a: 'own', c: 'new', d: '/', 'd/e': 'made' })
  assert.deepEqual([held.sort(), problems], [['a', 'b', 'd', 'd/e'], []])
})

test('one way: both changed: the source has the name, and the target keeps its own under another', () => {
  const change = (text: string) => (side: ModelSide) => void side.write('notes.txt', text)
  const { there } = play({ 'notes.txt': '1' }, change('of the source'), change('of the target'))
  assert.deepEqual(there, {
    'notes.txt': 'of the source',
    'notes.conflict-20260102-030405-right-ep.txt': 'of the target',
  })
})

test('one way: removed at the source: it goes, but for what the target changed, with the folders that needs', () => {
  const { there } = play(
    { 'd/x': '1', 'd/y': '2', e: '3' },
    side => {
      side.remove('d')
      side.remove('e')
    },
    side => side.write('d/y', 'own'),
  )
  assert.deepEqual(there, { d: '/', 'd/y': 'own' })
})

test('one way: removed at the target and changed at the source: it comes again, with its folder', () => {
  const { there } = play(
    { 'd/x': '1', 'd/y': '2' },
    side => side.write('d/x', 'new'),
    side => side.remove('d'),
  )
  assert.deepEqual(there, { d: '/', 'd/x': 'new' })
})

test('one way: a folder of the target that has something of its own is not replaced by a file, and that is told', () => {
  const { there, problems } = play(
    { 'a/x': '1' },
    side => {
      side.remove('a')
      side.write('a', 'file')
    },
    side => side.write('a/own', 'own'),
  )
  assert.deepEqual(there, { a: '/', 'a/own': 'own' })
  assert.deepEqual(problems, [{ path: 'a', why: 'folder-in-the-way' }])
})

test('one way: a file of the target in the place of a folder that is needed gets another name', () => {
  const { there } = play(
    { 'a/x': '1' },
    side => side.write('a/y', 'new'),
    side => {
      side.remove('a')
      side.write('a', 'own')
    },
  )
  assert.deepEqual(there, { a: '/', 'a/y': 'new', 'a.conflict-20260102-030405-right-ep': 'own' })
})

test('one way: a rename at the source is one at the target', () => {
  const model = createSyncModel('right')
  model.right.write('d/big', 'lots')
  model.syncWhole()
  model.right.rename('d/big', 'f/huge')
  model.syncWhole()
  model.assertEqual()
  assert.deepEqual(model.done, ['copy f', 'move d/big f/huge'])
})
