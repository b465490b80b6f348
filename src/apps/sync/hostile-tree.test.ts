import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { createTreeFrameDecoder, encodeTreeHead } from '../../core/codec/tree-frame.ts'
import type { TreeRequest } from '../../core/files/tree-requests.ts'
import { MeshError } from '../../core/model/errors.ts'
import { createManualClock } from '../../testing/manual-clock.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { createStreamPair } from '../../testing/stream-pair.ts'
import { createTestMesh } from '../../testing/test-host.ts'
import { until } from '../../testing/until.ts'
import { listTree } from './list-tree.ts'
import { createSyncApp } from './sync.ts'
import { createFarTree, serveTree } from './tree-link.ts'
import { openTree, type TreePlace } from './tree-site.ts'

const BAD_PATHS = [
  '..',
  '../secret',
  'a/../../secret',
  'a/..',
  './a',
  'a//b',
  '/etc/passwd',
  'a/',
  'a\0b',
  'a/\ud800',
  'link/x',
  `${'x/'.repeat(300)}x`,
  'y'.repeat(300),
]

/** The files of this computer, as apps get them. */
function realDisk() {
  return createTestMesh().addEndpoint('here').host(createSyncApp()).disk
}

async function openRig() {
  const scratch = makeScratchFolder()
  mkdirSync(scratch.file('root/a'), { recursive: true })
  writeFileSync(scratch.file('secret'), 'secret')
  writeFileSync(scratch.file('root/a/x'), 'x')
  symlinkSync('..', scratch.file('root/link'))
  const computer = { disk: realDisk(), clock: createManualClock(), claims: new Set<string>() }
  const place = await openTree(computer, { path: scratch.file('root') })
  return {
    scratch,
    computer,
    place,
    async [Symbol.asyncDispose]() {
      await place[Symbol.asyncDispose]()
      scratch[Symbol.dispose]()
    },
  }
}

/** What a request comes to: its refusal, or the first fault in its answer. */
async function refusalOf(place: TreePlace, request: TreeRequest, body?: Uint8Array): Promise<string> {
  try {
    const { answer } = await place.ask(request, body)
    const [first] = answer.results ?? answer.files ?? []
    const [, fault] = answer.faults?.[0] ?? []
    return first !== undefined && 'code' in first ? first.code : (fault?.code ?? JSON.stringify(answer))
  } catch (error) {
    assert.ok(error instanceof MeshError, String(error))
    return error.code
  }
}

test('a request with a path that leads out is refused, however it is spelled', async () => {
  await using rig = await openRig()
  const { place, scratch } = rig
  const key = '0123456789abcdef'
  const file = { size: 0, mode: 0o600, mtimeMs: 0 }
  const expected = new Set(['bad-name', 'denied', 'not-found', 'bad-message', 'bad-input'])
  for (const path of BAD_PATHS) {
    const requests: TreeRequest[] = [
      { do: 'look', paths: [path] },
      { do: 'list', path },
      { do: 'fetch', folder: path, names: ['x'] },
      { do: 'fetch', folder: '', names: [path] },
      { do: 'put', folder: path, files: [{ name: 'x', ...file }] },
      { do: 'put', folder: '', files: [{ name: path, ...file }] },
      { do: 'read', path, offset: 0, size: 10 },
      { do: 'hash', path, first: 0, count: 1 },
      { do: 'open-part', path, key },
      { do: 'make-folders', paths: [path] },
      { do: 'make-links', links: [{ path, target: 'a' }] },
      { do: 'make-links', links: [{ path: 'new', target: path.startsWith('a') ? '../x' : path }] },
      { do: 'move', path, to: 'b' },
      { do: 'move', path: 'a/x', to: path },
      { do: 'touch', items: [{ path, mode: 0o777 }] },
    ]
    for (const request of requests) {
      const code = await refusalOf(place, request)
      const isLook = request.do === 'look' && code === '{"entries":[null]}'
      const isFine = request.do === 'make-links' && request.links[0]?.path === 'new' && code.includes('entry')
      assert.ok(expected.has(code) || isLook || isFine, `${JSON.stringify(request).slice(0, 200)}: ${code}`)
    }
  }
  assert.equal(readFileSync(scratch.file('secret'), 'utf8'), 'secret')
  assert.deepEqual(readdirSync(scratch.path).sort(), ['root', 'secret'])
})

test('what is kept of our own is out of reach', async () => {
  await using rig = await openRig()
  const { place, scratch } = rig
  mkdirSync(scratch.file('root/.ztm-mirror'))
  writeFileSync(scratch.file('root/.ztm-mirror/x'), 'own')
  writeFileSync(scratch.file('root/a/.ztm-part-0123456789abcdef'), 'part')
  for (const path of ['.ztm-mirror', '.ztm-mirror/x', 'a/.ztm-part-0123456789abcdef']) {
    assert.equal(await refusalOf(place, { do: 'look', paths: [path] }), 'denied')
    assert.equal(await refusalOf(place, { do: 'remove', items: [{ path }] }), 'denied')
    assert.equal(await refusalOf(place, { do: 'read', path, offset: 0, size: 10 }), 'denied')
  }
  const { tree } = await listTree(place, '')
  assert.deepEqual([...tree.keys()].sort(), ['a', 'a/x', 'link'])
})

test('who may only read can change nothing', async () => {
  await using rig = await openRig()
  const { computer, scratch } = rig
  await using place = await openTree(computer, { path: scratch.file('root'), isReadOnly: true })
  const requests: TreeRequest[] = [
    { do: 'put', folder: '', files: [{ name: 'n', size: 0, mode: 0o600, mtimeMs: 0 }] },
    { do: 'open-part', path: 'n', key: '0123456789abcdef' },
    { do: 'make-folders', paths: ['n'] },
    { do: 'make-links', links: [{ path: 'n', target: 'a' }] },
    { do: 'remove', items: [{ path: 'a/x' }] },
    { do: 'move', path: 'a/x', to: 'n' },
    { do: 'touch', items: [{ path: 'a/x', mode: 0 }] },
    { do: 'clean-trash', keepMs: 0, keepBytes: 0 },
  ]
  for (const request of requests) assert.equal(await refusalOf(place, request), 'denied', request.do)
})

test('a list that names what is not below is not believed', async () => {
  const entry = { kind: 'file', size: 1, mtimeMs: 0 } as const
  const found = async (...paths: string[]) => {
    const place = {
      ask: async () => ({ answer: { found: paths.map(path => [path, entry]) }, body: new Uint8Array(0) }),
    }
    return await listTree(place as unknown as TreePlace, 'top')
  }
  assert.equal((await found('top/a')).tree.size, 1)
  for (const path of ['../x', 'top/../x', '/etc/x', 'topless/x', 'top', 'x', 'top//x', 'top/\0']) {
    await assert.rejects(found(path), { code: 'bad-message' }, path)
  }
  // A file with something in it: what is written by that name could follow it anywhere.
  await assert.rejects(found('top/a', 'top/a/b'), { code: 'bad-message' })
})

test('a list that does not end is given up', async () => {
  const place = { ask: async () => ({ answer: { found: [], cursor: 1 }, body: new Uint8Array(0) }) }
  await assert.rejects(listTree(place as unknown as TreePlace, ''), { code: 'bad-message' })
})

test('an end that does not keep to the protocol loses its stream, and nothing else', async () => {
  await using rig = await openRig()
  const { computer, scratch } = rig
  const body = new Uint8Array(0)
  const frames = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    encodeTreeHead({ kind: 'answer', number: 1, head: body, body }),
    Buffer.from('0100000001ffffff000000', 'hex'),
  ]
  for (const frame of frames) {
    const [near, far] = createStreamPair()
    near.on('error', () => {})
    far.on('error', () => {})
    const serving = serveTree(far, await openTree(computer, { path: scratch.file('root') }))
    near.write(frame)
    near.resume()
    await new Promise(resolve => near.once('close', resolve))
    await serving
  }
  const [near, far] = createStreamPair()
  for (const side of [near, far]) side.on('error', () => {})
  const tree = createFarTree(near, { root: '/', name: '', entry: null, foldsNames: false, isReadOnly: false })
  const asked = tree.ask({ do: 'list', path: '' })
  const head = Buffer.from('{"found":[["a",{"kind":"device"}]]}')
  far.write(Buffer.concat([encodeTreeHead({ kind: 'answer', number: 1, head, body }), head]))
  await assert.rejects(asked, { code: 'bad-message' })
  await assert.rejects(tree.ask({ do: 'list', path: '' }), { code: 'bad-message' })
})

test('who asks for much and reads nothing is kept waiting, and gets it all in the end', async () => {
  await using rig = await openRig()
  const { computer, scratch } = rig
  writeFileSync(scratch.file('root/big'), Buffer.alloc(1_048_576, 'b'))
  const [near, far] = createStreamPair()
  for (const side of [near, far]) side.on('error', () => {})
  const serving = serveTree(far, await openTree(computer, { path: scratch.file('root') }))
  const body = new Uint8Array(0)
  const asks = Array.from({ length: 100 }, (_, number) => {
    const head = Buffer.from(JSON.stringify({ do: 'read', path: 'big', offset: 0, size: 1_048_576 }))
    return Buffer.concat([encodeTreeHead({ kind: 'ask', number, head, body }), head])
  })
  // All in one, so that they come as one.
  near.write(Buffer.concat(asks))
  await until(() => far.writableLength >= 8_388_608, 'as much is answered as is kept')
  let [count, most] = [0, 0]
  const decoder = createTreeFrameDecoder()
  for await (const chunk of near) {
    most = Math.max(most, far.writableLength)
    count += decoder.push(chunk as Uint8Array).length
    if (count === 100) break
  }
  assert.ok(most <= 18 * 1_048_576, `${most} bytes were kept`)
  await serving
})

test('two who write to one part are kept apart, and a part that is not whole gets no place', async () => {
  await using rig = await openRig()
  const { computer, scratch, place } = rig
  const part = { path: 'big', key: '0123456789abcdef' }
  await using other = await openTree(computer, { path: scratch.file('root') })
  await place.ask({ do: 'open-part', ...part })
  assert.equal(await refusalOf(other, { do: 'open-part', ...part }), 'conflict')
  assert.equal(await refusalOf(other, { do: 'write', ...part, offset: 0 }, Buffer.from('x')), 'conflict')
  await place.ask({ do: 'write', ...part, offset: 0 }, Buffer.from('half'))
  const whole = { do: 'place', ...part, size: 8, mode: 0o600, mtimeMs: 0, over: null } as const
  assert.equal(await refusalOf(place, whole), 'conflict')
  await place[Symbol.asyncDispose]()
  // Who came first has gone: what was written stays for whoever goes on.
  const { answer } = await other.ask({ do: 'open-part', ...part })
  assert.equal(answer.size, 4)
})
