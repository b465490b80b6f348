import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { type ErrorCode, MeshError } from '../../core/model/errors.ts'
import type { Change, Json, Store } from '../../core/model/store.ts'

/** A store for one test, and whatever has to be cleared away with it. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: Store
}

/**
 * The suite that every adapter of `Store` passes.
 *
 * @param open  gives an empty store each time it is called
 */
export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`store contract: ${name}`, () => {
    readsAndWrites(open)
    revisions(open)
    lists(open)
    limits(open)
    watches(open)
    endings(open)
  })
}

type Open = () => Promise<OpenedStore>

function readsAndWrites(open: Open): void {
  it('get() gives undefined when nothing was put', async () => {
    await using opened = await open()
    assert.equal(await opened.store.get('user/bob'), undefined)
  })

  it('get() gives the whole entry when it was put', async () => {
    await using opened = await open()
    const revision = await opened.store.put('user/bob', { groups: ['a', 'b'], isEvicted: false })
    assert.deepEqual(await opened.store.get('user/bob'), {
      key: 'user/bob',
      value: { groups: ['a', 'b'], isEvicted: false },
      revision,
    })
  })

  it('put() replaces the value whole when there is one', async () => {
    await using opened = await open()
    await opened.store.put('user/bob', { a: 1, b: 2 })
    const revision = await opened.store.put('user/bob', { b: 3 })
    assert.deepEqual(await opened.store.get('user/bob'), { key: 'user/bob', value: { b: 3 }, revision })
  })

  it('put() keeps every value that JSON can hold', async () => {
    await using opened = await open()
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async value => {
        await opened.store.put('any', value as Json)
        const entry = await opened.store.get('any')
        assert.deepEqual(entry?.value, JSON.parse(JSON.stringify(value)))
      }),
      { numRuns: 100 },
    )
  })

  it('put() keeps what the value was at the call when the caller changes it afterwards', async () => {
    await using opened = await open()
    const value = { groups: ['a'] }
    const done = opened.store.put('user/bob', value)
    value.groups.push('root')
    await done
    assert.deepEqual((await opened.store.get('user/bob'))?.value, { groups: ['a'] })
  })

  it('delete() removes the key, and does nothing when there is none', async () => {
    await using opened = await open()
    await opened.store.put('user/bob', 1)
    await opened.store.delete('user/bob')
    await opened.store.delete('user/bob')
    assert.equal(await opened.store.get('user/bob'), undefined)
    assert.deepEqual(await opened.store.list(''), [])
  })

  it('put() writes all of 500 values when they are in flight together', async () => {
    await using opened = await open()
    const keys = Array.from({ length: 500 }, (_, index) => `usage/${String(index).padStart(3, '0')}`)
    const put = await Promise.all(keys.map((key, index) => opened.store.put(key, index)))
    assert.deepEqual(
      await opened.store.list('usage/'),
      keys.map((key, index) => ({ key, value: index, revision: put[index] })),
    )
  })
}

function revisions(open: Open): void {
  it('put() gives revisions that grow, also across keys and when a key is made again', async () => {
    await using opened = await open()
    const first = await opened.store.put('a', 1)
    const second = await opened.store.put('b', 1)
    await opened.store.delete('b')
    const third = await opened.store.put('b', 1)
    const fourth = await opened.store.put('a', 2)
    assert.ok(0 < first && first < second && second < third && third < fourth)
  })

  it('put() with expected writes when the revision is that one, 0 meaning none', async () => {
    await using opened = await open()
    const first = await opened.store.put('a', 1, { expected: 0 })
    const second = await opened.store.put('a', 2, { expected: first })
    await opened.store.delete('a', { expected: second })
    await opened.store.put('a', 3, { expected: 0 })
    assert.equal((await opened.store.get('a'))?.value, 3)
  })

  it('put() and delete() refuse and change nothing when the revision is another', async () => {
    await using opened = await open()
    const revision = await opened.store.put('a', 1)
    for (const expected of [0, revision - 1, revision + 1]) {
      await assert.rejects(opened.store.put('a', 2, { expected }), coded('conflict'))
      await assert.rejects(opened.store.delete('a', { expected }), coded('conflict'))
    }
    await assert.rejects(opened.store.put('none', 2, { expected: revision }), coded('conflict'))
    await assert.rejects(opened.store.delete('none', { expected: revision }), coded('conflict'))
    assert.deepEqual(await opened.store.list(''), [{ key: 'a', value: 1, revision }])
  })

  it('put() lets exactly one win when 20 expect the same revision', async () => {
    await using opened = await open()
    const expected = await opened.store.put('a', 'before')
    const writers = Array.from({ length: 20 }, (_, index) => opened.store.put('a', index, { expected }))
    const results = await Promise.allSettled(writers)
    const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []))
    assert.equal(winners.length, 1)
    assert.equal((await opened.store.get('a'))?.value, winners[0])
    for (const result of results) {
      if (result.status === 'rejected') assert.ok(coded('conflict')(result.reason))
    }
  })
}

function lists(open: Open): void {
  it('list() gives what starts with the prefix, in key order, also when it ends within a word', async () => {
    await using opened = await open()
    for (const key of ['user/bobby', 'user/bob', 'users', 'user/bob/endpoint', 'a', 'user/al']) {
      await opened.store.put(key, key)
    }
    const listed = async (prefix: string) => (await opened.store.list(prefix)).map(({ key }) => key)
    assert.deepEqual(await listed('user/bob'), ['user/bob', 'user/bob/endpoint', 'user/bobby'])
    assert.deepEqual(await listed('user/bob/'), ['user/bob/endpoint'])
    assert.deepEqual(await listed('user/carol'), [])
    assert.deepEqual(await listed(''), [
      'a',
      'user/al',
      'user/bob',
      'user/bob/endpoint',
      'user/bobby',
      'users',
    ])
  })

  it('list() agrees with a filtered and sorted map when keys are of any script', async () => {
    await using opened = await open()
    const text = fc.string({
      unit: fc.constantFrom('a', '%', '_', ' ', 'é', '\ud7ff', '\ue000', '😀', '\u{10ffff}'),
    })
    const key = fc
      .array(
        text.filter(word => word !== ''),
        { minLength: 1, maxLength: 3 },
      )
      .map(words => words.join('/'))
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { maxLength: 12 }), text, async (keys, prefix) => {
        for (const { key: old } of await opened.store.list('')) await opened.store.delete(old)
        await Promise.all(keys.map(each => opened.store.put(each, each)))
        const bytes = (each: string) => Buffer.from(each)
        assert.deepEqual(
          (await opened.store.list(prefix)).map(entry => entry.key),
          keys.filter(each => each.startsWith(prefix)).sort((a, b) => Buffer.compare(bytes(a), bytes(b))),
        )
      }),
      { numRuns: 100 },
    )
  })
}

function limits(open: Open): void {
  it('put() takes a value of 256 KiB and refuses one byte more', async () => {
    await using opened = await open()
    const largest = 'x'.repeat(256 * 1024 - 2)
    const revision = await opened.store.put('a', largest)
    await assert.rejects(opened.store.put('a', `${largest}x`), coded('too-large'))
    // Two bytes a character: what counts is UTF-8, not the length of the string.
    await assert.rejects(opened.store.put('a', 'é'.repeat(130 * 1024)), coded('too-large'))
    assert.deepEqual(await opened.store.get('a'), { key: 'a', value: largest, revision })
  })

  it('every call refuses a key that is not words between slashes', async () => {
    await using opened = await open()
    const bad: unknown[] = [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      'a\0b',
      'a\nb',
      'a\u0085',
      '\ud800',
      'x'.repeat(513),
      7,
    ]
    for (const key of bad as string[]) {
      await assert.rejects(opened.store.put(key, 1), coded('bad-input'))
      await assert.rejects(opened.store.get(key), coded('bad-input'))
      await assert.rejects(opened.store.delete(key), coded('bad-input'))
    }
    await assert.rejects(opened.store.list('a\0'), coded('bad-input'))
    assert.throws(() => opened.store.watch('\ud800', () => {}), coded('bad-input'))
    assert.deepEqual(await opened.store.list(''), [])
  })

  it('put() takes the longest key', async () => {
    await using opened = await open()
    const key = 'k'.repeat(512)
    await opened.store.put(key, 1)
    assert.deepEqual(
      (await opened.store.list(key)).map(entry => entry.key),
      [key],
    )
  })

  it('put() refuses what JSON cannot hold, and a revision that is none', async () => {
    await using opened = await open()
    const circle: Record<string, unknown> = {}
    circle.self = circle
    for (const value of [undefined, () => 1, 1n, circle] as unknown[] as Json[]) {
      await assert.rejects(opened.store.put('a', value), coded('bad-input'))
    }
    for (const expected of [-1, 0.5, Number.NaN, 2 ** 60]) {
      await assert.rejects(opened.store.put('a', 1, { expected }), coded('bad-input'))
      await assert.rejects(opened.store.delete('a', { expected }), coded('bad-input'))
    }
    assert.deepEqual(await opened.store.list(''), [])
  })
}

function watches(open: Open): void {
  it('watch() tells puts and deletes below its prefix, in order', async () => {
    await using opened = await open()
    const { store } = opened
    await store.put('user/before', 0)
    const seen = recordUntil(store, 'user/', change => change.key === 'user/last')
    const first = await store.put('user/bob', 1)
    await store.put('other/bob', 1)
    const second = await store.put('user/bob', { a: [2] })
    await store.delete('user/bob')
    await store.delete('user/nobody')
    const last = await store.put('user/last', true)
    const changes = await seen
    assert.deepEqual(
      changes.map(({ key, value }) => [key, value]),
      [
        ['user/bob', 1],
        ['user/bob', { a: [2] }],
        ['user/bob', undefined],
        ['user/last', true],
      ],
    )
    const told = changes.map(({ revision }) => revision)
    assert.deepEqual([told[0], told[1], told[3]], [first, second, last])
    assert.ok(second < (told[2] ?? 0) && (told[2] ?? 0) < last)
  })

  it('watch() tells changes in the order of their revisions when 200 puts are in flight', async () => {
    await using opened = await open()
    const seen = recordUntil(opened.store, '', change => change.key === 'last')
    const puts = Array.from({ length: 200 }, (_, index) => opened.store.put(`k/${index % 7}`, index))
    const put = await Promise.all([...puts, opened.store.put('last', true)])
    assert.deepEqual(
      (await seen).map(({ revision }) => revision),
      put.toSorted((a, b) => a - b),
    )
  })

  it('watch() tells nothing of a put that was refused', async () => {
    await using opened = await open()
    const seen = recordUntil(opened.store, '', change => change.key === 'last')
    await assert.rejects(opened.store.put('a', 1, { expected: 7 }), coded('conflict'))
    await opened.store.put('last', 1)
    assert.equal((await seen).length, 1)
  })

  it('watch() never calls back within put(), and only when the change can be read', async () => {
    await using opened = await open()
    let isWithinPut = true
    const read = new Promise<unknown>((resolve, reject) => {
      opened.store.watch('', ({ key }) => {
        if (isWithinPut) reject(new Error('called back within put()'))
        else resolve(opened.store.get(key).then(entry => entry?.value))
      })
    })
    const done = opened.store.put('a', 'stored')
    isWithinPut = false
    await done
    assert.equal(await read, 'stored')
  })

  it('watch() tells every watcher, and one that ended nothing more', async () => {
    await using opened = await open()
    const ended: Change[] = []
    const stop = opened.store.watch('', change => {
      ended.push(change)
      stop()
    })
    const seen = recordUntil(opened.store, '', change => change.key === 'last')
    await Promise.all(['a', 'b', 'last'].map(key => opened.store.put(key, 1)))
    assert.deepEqual(
      (await seen).map(({ key }) => key),
      ['a', 'b', 'last'],
    )
    assert.deepEqual(
      ended.map(({ key }) => key),
      ['a'],
    )
    stop()
  })

  it('watch() lets a watcher put, and tells that change too', async () => {
    await using opened = await open()
    const seen = recordUntil(opened.store, '', change => change.key === 'echo')
    const stop = opened.store.watch('call', async () => {
      stop()
      await opened.store.put('echo', 1)
    })
    await opened.store.put('call', 1)
    assert.deepEqual(
      (await seen).map(({ key }) => key),
      ['call', 'echo'],
    )
  })
}

function endings(open: Open): void {
  it('[asyncDispose]() lets writes in flight come to their end', async () => {
    const opened = await open()
    const puts = Array.from({ length: 20 }, (_, index) => opened.store.put(`k/${index}`, index))
    const settled = Promise.allSettled(puts)
    await opened.store[Symbol.asyncDispose]()
    assert.deepEqual(new Set((await settled).map(({ status }) => status)), new Set(['fulfilled']))
    await opened[Symbol.asyncDispose]()
  })

  it('every call refuses after [asyncDispose](), which may be called again', async () => {
    await using opened = await open()
    const { store } = opened
    await store[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
    await assert.rejects(store.get('a'), coded('storage-failed'))
    await assert.rejects(store.list('a'), coded('storage-failed'))
    await assert.rejects(store.put('a', 1), coded('storage-failed'))
    await assert.rejects(store.delete('a'), coded('storage-failed'))
    assert.throws(() => store.watch('a', () => {}), coded('storage-failed'))
  })
}

function coded(code: ErrorCode): (thrown: unknown) => boolean {
  return thrown => thrown instanceof MeshError && thrown.code === code
}

/** All changes up to the one that `isLast` picks. An adapter may tell them later than the put resolves. */
function recordUntil(store: Store, prefix: string, isLast: (change: Change) => boolean): Promise<Change[]> {
  const changes: Change[] = []
  return new Promise(resolve => {
    const stop = store.watch(prefix, change => {
      changes.push(change)
      if (!isLast(change)) return
      stop()
      resolve(changes)
    })
  })
}
