import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Name } from '../core/model/names.ts'
import { openControllerRig } from '../testing/controller-rig.ts'
import { assertRefused } from '../testing/refusal.ts'
import { changeLabels, joinLabels, MAX_LABELS } from './labels.ts'

const label = fc.constantFrom(...(['a', 'b', 'c', 'd'] as Name[]))
const labels = fc.uniqueArray(label)
const known = fc
  .tuple(labels, labels)
  .map(([all, given]) => ({ labels: all, givenLabels: given.filter(one => all.includes(one)) }))

suite('changeLabels()', () => {
  test('lets nobody but administrators change what was given, whatever they ask for', () => {
    fc.assert(
      fc.property(
        known,
        fc.array(label),
        fc.option(fc.array(label), { nil: undefined }),
        (before, all, given) => {
          try {
            const after = changeLabels(before, { labels: all, givenLabels: given }, false)
            assert.deepEqual([...after.givenLabels].sort(), [...before.givenLabels].sort())
            assert.deepEqual([...after.labels].sort(), [...new Set(all)].sort())
            for (const one of after.givenLabels) assert.ok(after.labels.includes(one))
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'denied')
          }
        },
      ),
    )
  })

  test('gives what an administrator adds, not what was there', () => {
    fc.assert(
      fc.property(known, labels, (before, all) => {
        const { givenLabels } = changeLabels(before, { labels: all }, true)
        const expected = all.filter(one => before.givenLabels.includes(one) || !before.labels.includes(one))
        assert.deepEqual(givenLabels, expected)
      }),
    )
    const before = { labels: ['a' as Name], givenLabels: [] }
    const wish = { labels: ['a' as Name], givenLabels: ['a' as Name] }
    assert.deepEqual(changeLabels(before, wish, true), wish)
    assert.throws(() => changeLabels(before, { labels: [], givenLabels: ['a' as Name] }, true), {
      code: 'bad-input',
    })
  })
})

test('joinLabels() keeps what was given, and of others what there is room for', () => {
  const many = (prefix: string) => Array.from({ length: MAX_LABELS }, (_, i) => `${prefix}${i}` as Name)
  const { labels: all, givenLabels } = joinLabels(['x' as Name, 'x' as Name], many('a'))
  assert.deepEqual([all.length, all[0], givenLabels], [MAX_LABELS, 'x', ['x']])
  assert.deepEqual(joinLabels(many('g'), many('a')).labels, many('g'))
})

suite('labels', () => {
  test('that an invitation or an administrator gave stay, those of the user come and go', async () => {
    await using rig = await openControllerRig()
    const root = await rig.join({ name: 'home', labels: ['desk'] })
    const { token } = await rig.invite('bob', { labels: ['lab'] })
    const bob = await rig.join({ name: 'laptop', token, labels: ['blue'] })
    const show = async (id = bob.id) => {
      const shown = await rig.ask('showEndpoint', root.caller, { params: { endpoint: id } })
      return [shown.labels, shown.givenLabels]
    }
    assert.deepEqual(await show(), [['lab', 'blue'], ['lab']])
    assert.deepEqual(await show(root.id), [['desk'], ['desk']])
    const set = (by: typeof bob, body: { labels: string[]; givenLabels?: string[] }) =>
      rig.ask('labelEndpoint', by.caller, { params: { endpoint: bob.id }, body })
    await assertRefused(set(bob, { labels: ['blue'] }), 'denied', /Cannot take off label "lab"/)
    await assertRefused(set(bob, { labels: ['lab', 'vip'], givenLabels: ['lab', 'vip'] }), 'denied')
    await set(bob, { labels: ['lab', 'vip'] })
    await rig.ask('announce', bob.caller, { body: { version: '1', labels: ['green'] } })
    assert.deepEqual(await show(), [['lab', 'green'], ['lab']])
    await set(root, { labels: ['lab', 'green', 'red'] })
    assert.deepEqual(await show(), [
      ['lab', 'green', 'red'],
      ['lab', 'red'],
    ])
    // Whoever comes again with the same key keeps them.
    const again = await rig.invite('bob')
    await rig.join({ name: 'laptop', token: again.token, device: bob.device, labels: ['new'] })
    assert.deepEqual(await show(), [
      ['lab', 'red', 'new'],
      ['lab', 'red'],
    ])
    await rig.reopen()
    await set(root, { labels: [] })
    assert.deepEqual(await show(), [[], []])
  })
})
