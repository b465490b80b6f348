import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { encodeFileHead } from '../../core/codec/file-frame.ts'
import { encodeManifest } from '../../core/files/manifest.ts'
import { parseServiceName } from '../../core/model/names.ts'
import type { Dialing } from '../../sdk/app.ts'
import { type FilesPlace, hashOf, openFilesLab } from '../../testing/files-lab.ts'
import { mountSmallDisk } from '../../testing/small-disk.ts'
import { createFilesApp } from './files.ts'
import { readContent } from './held-files.ts'
import { FILES_LIMITS } from './limits.ts'
import { FILES_API } from './messages.ts'
import { scanTree } from './scan-tree.ts'
import { TreeWriter } from './write-tree.ts'

const MIB = 1_048_576
const SERVICE = parseServiceName('tcp/.files.ann')

/** Let streams that an endpoint serves break after so many bytes. @returns how many bytes were let through in all */
function breakStreams(place: FilesPlace, afterBytes: () => number): () => number {
  const hosting = place.endpoint.hosted.get(SERVICE)
  assert.ok(hosting)
  const { options } = hosting
  let total = 0
  hosting.options = {
    ...options,
    onStream: incoming =>
      options.onStream({
        ...incoming,
        accept() {
          const stream = incoming.accept()
          let left = afterBytes()
          const write = stream.write.bind(stream) as (chunk: Uint8Array) => boolean
          stream.write = ((chunk: Uint8Array) => {
            const part = chunk.subarray(0, Math.max(0, left))
            left -= chunk.length
            total += part.length
            const isTaken = write(part)
            // What was written has to arrive first.
            if (left <= 0) setImmediate(() => stream.destroy())
            return isTaken
          }) as Duplex['write']
          return stream
        },
      }),
  }
  return () => total
}

test('a holder that lies about a chunk is dropped, and another gives it', async t => {
  const { add } = openFilesLab(t)
  const [far, liar, near] = [await add('far'), await add('liar'), await add('near')]
  writeFileSync(far.file('x'), randomBytes(6 * MIB))
  await far.publish('x')
  await liar.get('x', 'x')
  // The same size and time: nothing but the bytes says that it is another.
  const { mtimeMs } = statSync(liar.file('x'))
  const bytes = readFileSync(liar.file('x'))
  for (let chunk = 0; chunk < 6; chunk += 1) bytes[chunk * MIB + 77] = (bytes[chunk * MIB + 77] ?? 0) ^ 1
  writeFileSync(liar.file('x'), bytes)
  utimesSync(liar.file('x'), mtimeMs / 1_000, mtimeMs / 1_000)
  const job = await near.get('x', 'x')
  assert.deepEqual([job.state, hashOf(near.file('x'))], ['done', hashOf(far.file('x'))])
  const note = job.holders.find(({ name }) => name === 'liar')
  assert.deepEqual([note?.bytes, note?.note], [0, 'gave wrong bytes'])
  // With nobody else there is an error, and nothing that looks like the file.
  far.endpoint.isOnline = false
  const third = await add('third')
  near.endpoint.isOnline = false
  const failed = await third.ended(await third.begin('x', 'y'), 50)
  assert.deepEqual([failed.state, failed.error?.code], ['failed', 'offline'])
  assert.ok(!readdirSync(third.file('.')).includes('y'))
})

test('a transfer that is cut at every stage goes on, and sends again no more than what was cut', async t => {
  const { add } = openFilesLab(t)
  const far = await add('far')
  mkdirSync(far.file('tree'))
  writeFileSync(far.file('tree/large'), randomBytes(5 * MIB + 3))
  for (let index = 0; index < 50; index += 1) writeFileSync(far.file(`tree/${index}`), randomBytes(700))
  await far.publish('tree')
  let cutAfter = Number.POSITIVE_INFINITY
  const total = breakStreams(far, () => cutAfter)
  for (const bytes of [1, 5, 9, 300, 1_000, 5_000, 40_000, MIB - 1, MIB + 9, MIB + 50_000, 3 * MIB]) {
    const near = await add(`near-${bytes}`)
    cutAfter = bytes
    const begun = await near.begin('tree', 'tree')
    const cut = await near.ended(begun, 100)
    if (cut.state === 'failed')
      assert.deepEqual(
        readdirSync(near.file('.')).filter(name => !name.startsWith('.ztm-get-')),
        [],
      )
    cutAfter = Number.POSITIVE_INFINITY
    const before = total()
    const job = cut.state === 'done' ? cut : await near.ended(await near.begin('tree', 'tree'), 100)
    assert.deepEqual([job.state, job.error], ['done', undefined], `cut after ${bytes}`)
    assert.equal(hashOf(near.file('tree/large')), hashOf(far.file('tree/large')))
    assert.deepEqual(readdirSync(near.file('.')), ['tree'])
    const missing = job.totalBytes - job.keptBytes
    if (cut.state === 'failed')
      assert.ok(total() - before < missing + 20_000, `cut after ${bytes}: ${total() - before} for ${missing}`)
  }
})

test('ten thousand small files come in a few messages', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  for (let folder = 0; folder < 20; folder += 1) {
    mkdirSync(far.file(`tree/${folder}`), { recursive: true })
    for (let index = 0; index < 500; index += 1)
      writeFileSync(far.file(`tree/${folder}/${index}`), `${folder}.${index}`)
  }
  const published = await far.publish('tree')
  assert.deepEqual([published.state, published.doneFiles], ['done', 10_000])
  const job = await near.get('tree', 'tree')
  assert.deepEqual([job.state, job.error, job.doneFiles], ['done', undefined, 10_000])
  assert.equal(readFileSync(near.file('tree/19/499'), 'utf8'), '19.499')
  assert.equal(readdirSync(near.file('tree/7')).length, 500)
  assert.ok(near.endpoint.dials.length <= 6)
})

test('a file of 20 GB with holes takes no memory, and its holes are neither sent nor stored', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  const sizeBytes = 20 * 1_024 * MIB + 5
  const places = [0, 7 * 1_024 * MIB + 12_345, sizeBytes - 3]
  const text = (place: number) => `at ${place}`.slice(0, sizeBytes - place)
  writeFileSync(far.file('x'), '')
  truncateSync(far.file('x'), sizeBytes)
  for (const place of places) writeAt(far.file('x'), place, text(place))
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers)
  }, 5)
  await far.publish('x')
  const total = breakStreams(far, () => Number.POSITIVE_INFINITY)
  const job = await near.get('x', 'x')
  clearInterval(watch)
  assert.deepEqual([job.state, job.doneBytes], ['done', sizeBytes])
  assert.ok(total() < 4 * MIB)
  const { size, blocks } = statSync(near.file('x'))
  assert.deepEqual([size, blocks * 512 < 8 * MIB], [sizeBytes, true])
  for (const place of places)
    assert.equal(readAt(near.file('x'), place, text(place).length), text(place), `at ${place}`)
  assert.equal(readAt(near.file('x'), 9_000 * MIB, 4), '\0\0\0\0')
  assert.ok(most < 150 * MIB, `${most} bytes`)
})

test('a file that is all hole, and an empty one, are made', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  mkdirSync(far.file('tree'))
  for (const [name, size] of [
    ['hole', 5 * MIB],
    ['rest', 5 * MIB + 1],
    ['empty', 0],
  ] as const) {
    writeFileSync(far.file(`tree/${name}`), '')
    truncateSync(far.file(`tree/${name}`), size)
  }
  await far.publish('tree')
  for (const name of ['tree', 'tree/hole', 'tree/empty']) {
    const job = await near.get(name, 'copy', { mayReplace: true })
    assert.deepEqual([job.state, job.error], ['done', undefined], name)
    if (name === 'tree') assert.equal(hashOf(near.file('copy/rest')), hashOf(far.file('tree/rest')))
    else assert.equal(hashOf(near.file('copy')), hashOf(far.file(name)))
  }
})

test('a disk that is too small is said at once, and one that fills ends the download without half a file', async t => {
  using small = mountSmallDisk(t, 2 * MIB)
  if (small === undefined) return
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  writeFileSync(far.file('x'), randomBytes(3 * MIB))
  await far.publish('x')
  const params = { endpoint: 'near' }
  const body = { path: 'x', file: small.file('x') }
  const job = await near.ended(await near.app.call(FILES_API.download, { params, body }))
  assert.deepEqual([job.state, job.error?.code, readdirSync(small.path)], ['failed', 'storage-full', []])

  const { disk } = far.endpoint.host(createFilesApp())
  await using source = await disk.openFolder(far.file('.'))
  writeFileSync(far.file('y'), randomBytes(MIB + MIB / 2))
  const none = () => {}
  const signal = new AbortController().signal
  const scan = { signal, hashBytes: MIB, onTotal: none, onFile: none, onSkipped: none }
  const content = readContent(encodeManifest(await scanTree(source, 'y', scan)))
  await using folder = await disk.openFolder(small.path)
  const options = {
    folder,
    name: 'y',
    mayReplace: false,
    content,
    contentName: 'y',
    part: '',
    signal,
    onSkipped: none,
  }
  await using writer = new TreeWriter(options)
  assert.deepEqual(await writer.prepare(), [0, 1])
  const empty = small.fill()
  await assert.rejects(writer.write(0, readFileSync(far.file('y')).subarray(0, MIB)), {
    code: 'storage-full',
  })
  empty()
  assert.ok(!readdirSync(small.path).includes('y'))
})

test('whoever asks for nonsense is cut off, and gets nothing that is not theirs', async t => {
  const { add } = openFilesLab(t)
  const [far, eve] = [await add('far'), await add('eve-pc', 'eve')]
  writeFileSync(far.file('secret'), randomBytes(MIB))
  writeFileSync(far.file('open'), 'open')
  await far.publish('secret')
  await far.publish('open', { access: { everyone: true } })
  const held = (await far.app.call(FILES_API.listHeld, { params: { endpoint: 'far' } })).items
  const secret = Buffer.from(held.find(({ name }) => name === 'secret')?.content ?? '', 'hex')
  const visit = async (bytes: Uint8Array): Promise<string> => {
    const dialing: Dialing = eve.endpoint.host(createFilesApp()).dial(SERVICE)
    const { stream } = await dialing.opened
    stream.on('error', () => {})
    let got = ''
    stream.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1')
    })
    const closed = new Promise(resolve => stream.once('close', resolve))
    stream.end(bytes)
    await closed
    return got
  }
  const frame = (kind: Parameters<typeof encodeFileHead>[0], payload: Uint8Array) =>
    Buffer.concat([encodeFileHead(kind, payload.length), payload])
  const ask = (question: unknown) => frame('ask', Buffer.from(JSON.stringify(question)))
  // By the hash alone nobody gets it, nor learns that it is there.
  const want = frame('want', Buffer.concat([secret, Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])]))
  const unknown = frame('want', Buffer.concat([randomBytes(32), Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])]))
  const [one, other] = [await visit(want), await visit(unknown)]
  assert.equal(one, other)
  assert.ok(one.length < 200 && one.includes('not-found'))
  assert.match(await visit(ask({ kind: 'manifest', content: secret.toString('hex') })), /not-found/)
  const listed = await visit(ask({ kind: 'list' }))
  assert.ok(listed.includes('open') && !listed.includes('secret'))
  for (const bad of [
    Buffer.from([0xff, 0, 0, 0, 1, 0]),
    encodeFileHead('want', 1_000_000),
    frame('answer', Buffer.from('{}')),
    frame('want', Buffer.alloc(33)),
    ask({ kind: 'list', offset: -1 }),
    ask({ kind: 'manifest', content: '../../etc/passwd' }),
    ask({ kind: 'list', names: Array.from({ length: 101 }, () => 'x') }),
    frame('ask', Buffer.from('{')),
  ])
    assert.equal(await visit(bad), '')
  const open = held.find(({ name }) => name === 'open')
  const past = Buffer.from([0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])
  assert.equal(await visit(frame('want', Buffer.concat([Buffer.from(open?.content ?? '', 'hex'), past]))), '')
})

test('one endpoint cannot take all streams of a holder', async t => {
  const { add, mesh } = openFilesLab(t)
  const [far, eve, bob] = [await add('far'), await add('eve-pc', 'eve'), await add('bob-pc', 'bob')]
  writeFileSync(far.file('x'), 'x')
  await far.publish('x', { access: { everyone: true } })
  const host = eve.endpoint.host(createFilesApp())
  const streams = []
  for (let count = 0; count < FILES_LIMITS.maxStreamsPerEndpoint; count += 1)
    streams.push((await host.dial(SERVICE).opened).stream)
  await assert.rejects(host.dial(SERVICE).opened, { code: 'too-many' })
  assert.equal((await bob.get('/users/ann/x', 'x')).state, 'done')
  // Those that ask for nothing are ended.
  const ended = Promise.all(streams.map(stream => new Promise(resolve => stream.once('close', resolve))))
  for (const stream of streams) stream.on('error', () => {}).resume()
  mesh.timers.advance(FILES_LIMITS.idleMs)
  await ended
})

function writeAt(path: string, position: number, text: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, text, position)
  closeSync(file)
}

function readAt(path: string, position: number, byteCount: number): string {
  const file = openSync(path, 'r')
  const bytes = Buffer.alloc(byteCount)
  readSync(file, bytes, 0, byteCount, position)
  closeSync(file)
  return bytes.toString()
}
