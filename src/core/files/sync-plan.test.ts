import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SeededRandom, withSeed } from '../../testing/seeded-random.ts'
import { createSyncModel, type ModelSide } from '../../testing/sync-model.ts'
import { planSync } from './sync-plan.ts'
import { restrictSync } from './sync-scope.ts'
import type { Side } from './sync-shapes.ts'

const NAMES = ['a', 'b', 'c.txt', 'ж']

/** Any path of up to three names. */
function anyPath(random: SeededRandom): string {
  const pick = () => NAMES[Math.floor(random() * NAMES.length)] as string
  return Array.from({ length: 1 + Math.floor(random() * 3) }, pick).join('/')
}

/** Change something, whatever: what cannot be done there is not done. */
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

test('whatever was changed on both sides, they become equal, and nothing that was not given up is lost', () =>
  withSeed(random => {
    let count = 0
    const newContent = () => `content ${count++}`
    for (let round = 0; round < 300; round++) {
      const model = createSyncModel()
      for (let step = 0; step < 6; step++) {
        for (const side of ['left', 'right'] as const) {
          const edits = Math.floor(random() * 6)
          for (let i = 0; i < edits; i++) edit(model[side], random, newContent)
        }
        if (random() < 0.4) {
          // Cut somewhere, or some of it fails, or does not fit any more: the next time goes on from there.
          const before = new Set(model.keptContents())
          model.sync(() => {
            // Somebody goes on working meanwhile.
            const side = model[random() < 0.5 ? 'left' : 'right']
            const content = newContent()
            const path = anyPath(random)
            const old = side.contents()[path]
            if (random() < 0.3 && side.write(path, content)) {
              before.add(content)
              before.delete(old ?? '')
            }
            return random() < 0.6
          })
          model.assertKept(before)
          continue
        }
        const before = model.keptContents()
        model.syncWhole()
        model.assertEqual()
        model.assertKept(before)
        assert.deepEqual(model.plan(), { actions: [], problems: [], held: [] }, 'a second plan does nothing')
      }
    }
  }))

test('restrictSync() leaves the plan as it is, if it is told of all that changed', () =>
  withSeed(random => {
    let count = 0
    for (let round = 0; round < 300; round++) {
      const model = createSyncModel()
      for (const side of ['left', 'right'] as const) {
        for (let i = 0; i < 10; i++) edit(model[side], random, () => `content ${count++}`)
      }
      model.syncWhole()
      for (const side of ['left', 'right'] as const) {
        for (let i = 0; i < 3; i++) edit(model[side], random, () => `content ${count++}`)
      }
      const changed = model.changedPaths()
      // Of a folder that came or went only the folder is told.
      const tops = changed.filter(path => !changed.some(other => path.startsWith(`${other}/`)))
      const input = model.input()
      assert.deepEqual(planSync(restrictSync(input, new Set(tops))), planSync(input))
    }
  }))

/** Play one case: what both have agreed upon, then the changes, then what both have in the end. */
function play(
  base: Record<string, string>,
  changes: Partial<Record<Side, (side: ModelSide) => void>>,
): ReturnType<typeof createSyncModel> {
  const model = createSyncModel()
  for (const [path, content] of Object.entries(base)) model.left.write(path, content)
  model.syncWhole()
  changes.left?.(model.left)
  changes.right?.(model.right)
  return model
}

test('what one side changed, made or removed is so on the other', () => {
  const model = play(
    { a: '1', b: '2', 'd/x': '3' },
    {
      left: side => {
        side.write('a', 'new')
        side.remove('d')
      },
      right: side => {
        side.remove('b')
        side.write('e/f', 'made')
      },
    },
  )
  model.syncWhole()
  assert.deepEqual(model.left.contents(), { a: 'new', e: '/', 'e/f': 'made' })
  assert.deepEqual(model.right.contents(), { a: 'new', e: '/', 'e/f': 'made' })
})

test('both changed: each has both, one under a name of its own, whatever the clocks say', () => {
  for (const skewMs of [-1e9, 0, 1e9]) {
    const model = play(
      { 'notes.txt': '1' },
      {
        left: side => side.write('notes.txt', 'left', skewMs),
        right: side => side.write('notes.txt', 'right'),
      },
    )
    model.syncWhole()
    model.assertEqual()
    assert.deepEqual(model.left.contents(), {
      'notes.txt': 'left',
      'notes.conflict-20260102-030405-right-ep.txt': 'right',
    })
  }
})

test('both changed to the same: nothing is copied', () => {
  const change = (side: ModelSide) => side.write('a', 'equal')
  const model = play({ a: '1' }, { left: change, right: change })
  assert.deepEqual(model.plan().actions, [{ do: 'compare', path: 'a' }])
  model.syncWhole()
  assert.deepEqual(model.left.contents(), { a: 'equal' })
  assert.deepEqual(model.done, ['agree a'])
})

test('changed on one side and removed on the other: the change wins, with the folders it needs', () => {
  const model = play(
    { 'd/e/x': '1', 'd/e/y': '2' },
    { left: side => side.remove('d'), right: side => side.write('d/e/x', 'changed') },
  )
  model.syncWhole()
  model.assertEqual()
  assert.deepEqual(model.left.contents(), { d: '/', 'd/e': '/', 'd/e/x': 'changed' })
})

test('a file became a folder on one side and was changed on the other: both are there', () => {
  const model = play(
    { a: '1' },
    {
      left: side => {
        side.remove('a')
        side.write('a/x', 'below')
      },
      right: side => side.write('a', 'changed'),
    },
  )
  model.syncWhole()
  model.assertEqual()
  assert.deepEqual(model.left.contents(), {
    a: '/',
    'a/x': 'below',
    'a.conflict-20260102-030405-right-ep': 'changed',
  })
})

test('a folder became a file while something came into it: both are there', () => {
  const model = play(
    { 'a/x': '1' },
    {
      left: side => {
        side.remove('a')
        side.write('a', 'file')
      },
      right: side => side.write('a/y', 'new'),
    },
  )
  model.syncWhole()
  model.assertEqual()
  assert.deepEqual(model.left.contents(), {
    a: '/',
    'a/y': 'new',
    'a.conflict-20260102-030405-left-ep': 'file',
  })
})

test('a file that only got another name is renamed, not sent', () => {
  const model = play({ 'd/big': 'lots', e: '1' }, { left: side => side.rename('d/big', 'f/huge') })
  model.syncWhole()
  model.assertEqual()
  assert.deepEqual(model.done, ['copy f', 'move d/big f/huge'])
})

test('a folder that only got another name takes its files along by renames', () => {
  const model = play({ 'd/e/x': 'one', 'd/e/y': 'two' }, { right: side => side.rename('d', 'f') })
  model.syncWhole()
  model.assertEqual()
  assert.deepEqual(model.done, [
    'copy f',
    'copy f/e',
    'move d/e/x f/e/x',
    'move d/e/y f/e/y',
    'remove d/e',
    'remove d',
  ])
})

test('a mode that was changed is given on without the content', () => {
  const model = play({ a: '1' }, { right: side => side.changeMode('a', 0o755) })
  model.syncWhole()
  model.assertEqual()
  assert.deepEqual(model.done, ['touch a'])
})

test('names that one side takes for equal are left alone, with all below them, and the first is kept', () => {
  const model = play({}, {})
  for (const path of ['Read', 'read', 'Dir/x', 'dir/y', 'e\u0301', 'é']) model.left.write(path, path)
  const { actions, problems } = model.plan({ foldsNames: true })
  assert.deepEqual(
    actions.map(({ path }) => path),
    ['Dir', 'Dir/x', 'Read', 'e\u0301'],
  )
  assert.deepEqual(problems.map(({ path }) => path).sort(), ['dir', 'read', 'é'])
})
