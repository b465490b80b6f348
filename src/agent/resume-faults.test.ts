import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { MeshError } from '../core/model/errors.ts'
import { parseServiceName } from '../core/model/names.ts'
import {
  ATTEMPT_HEADER,
  formatStreamId,
  RECEIVED_HEADER,
  RESUMABLE_HEADER,
  RESUME_HEADER,
  SIDE_STREAM_AUTHORITY,
} from '../core/stream/resume-headers.ts'
import { MAX_KEPT_BYTES } from '../net/resumable-stream.ts'
import { echoOver, hostEcho } from '../testing/echo-service.ts'
import { visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalMesh } from '../testing/local-mesh.ts'
import { type PeerVisit, visitPeer } from '../testing/peer-visit.ts'
import { until } from '../testing/until.ts'

// What a dialler may try with streams of its own and of others, at a real host.

const NAME = '0123456789abcdef0123456789abcdef'
/** Of the first stream of a dialler: its client's streams have odd numbers. */
const ID = formatStreamId(NAME, 1)
const SERVICE = parseServiceName('tcp/echo')

interface Dialler extends AsyncDisposable {
  readonly visit: PeerVisit
  readonly ticket: string
  /** Open the resumable stream `ID`. */
  open(): Promise<ClientHttp2Stream>
  /** One more session to the same host. */
  visitAgain(): Promise<PeerVisit>
  /** @returns 200, or why it was refused */
  resume(headers?: Record<string, string>): Promise<200 | MeshError>
}

/** An endpoint without an agent, with a session to the host. */
async function createDialler(mesh: LocalMesh, host: Parameters<typeof hostEcho>[0]): Promise<Dialler> {
  const asker = await mesh.member()
  const hub = await visitHub(mesh.address, asker)
  const { ticket } = await hub.call(CONTROLLER_API.openSession, { body: { service: SERVICE } })
  const visitAgain = () => visitPeer({ hub: mesh.address, asker, to: host.membership.self.endpoint })
  const visit = await visitAgain()
  return {
    visit,
    ticket,
    visitAgain,
    async open() {
      const stream = visit.connect(SERVICE, ticket, { [RESUMABLE_HEADER]: NAME })
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
      assert.equal(headers[RESUMABLE_HEADER], NAME)
      return stream
    },
    resume: headers =>
      visit.dial(SERVICE, ticket, {
        [RESUME_HEADER]: ID,
        [ATTEMPT_HEADER]: '1',
        [RECEIVED_HEADER]: '0',
        ...headers,
      }),
    async [Symbol.asyncDispose]() {
      await visit[Symbol.asyncDispose]()
      hub[Symbol.dispose]()
    },
  }
}

const codeOf = (answer: 200 | MeshError) => (answer instanceof MeshError ? answer.code : answer)

test("an unknown id, and somebody else's, are not found, and the stream goes on", async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  await hostEcho(host, SERVICE)
  await using owner = await createDialler(mesh, host)
  await using other = await createDialler(mesh, host)
  const stream = await owner.open()
  assert.equal(await echoOver(stream, 'before'), 'before')
  assert.equal(codeOf(await other.resume()), 'not-found')
  assert.equal(
    codeOf(await owner.resume({ [RESUME_HEADER]: formatStreamId('f'.repeat(32), 1) })),
    'not-found',
  )
  assert.equal(codeOf(await owner.resume({ [RESUME_HEADER]: 'nonsense' })), 'not-found')
  assert.equal(await echoOver(stream, 'after'), 'after')
})

test('an id is taken once: a stream of another session with it is an ordinary one', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  await hostEcho(host, SERVICE)
  await using owner = await createDialler(mesh, host)
  const stream = await owner.open()
  await using again = await owner.visitAgain()
  const second = again.connect(SERVICE, owner.ticket, { [RESUMABLE_HEADER]: NAME })
  const [headers] = (await once(second, 'response')) as [IncomingHttpHeaders]
  assert.deepEqual([second.id, headers[RESUMABLE_HEADER]], [stream.id, undefined])
  assert.equal(await echoOver(second, 'second'), 'second')
  assert.equal(await echoOver(stream, 'first'), 'first')
})

test('a resume without a good ticket, or with headers that are none, is refused and harms nothing', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  await hostEcho(host, SERVICE)
  await using owner = await createDialler(mesh, host)
  const stream = await owner.open()
  const headers = { [RESUME_HEADER]: ID, [ATTEMPT_HEADER]: '1', [RECEIVED_HEADER]: '0' }
  assert.equal(codeOf(await owner.visit.dial(SERVICE, `x${owner.ticket}`, headers)), 'bad-ticket')
  for (const value of ['-1', '1e3', '99999999999999999999', ''])
    assert.equal(codeOf(await owner.resume({ [RECEIVED_HEADER]: value })), 'bad-message')
  assert.equal(codeOf(await owner.resume({ [ATTEMPT_HEADER]: '0' })), 'conflict')
  assert.equal(await echoOver(stream, 'after'), 'after')
})

test('an attempt that comes after a later one is refused, and the stream stays where it is', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  await hostEcho(host, SERVICE)
  await using owner = await createDialler(mesh, host)
  await owner.open()
  const resumed = owner.visit.connect(SERVICE, owner.ticket, {
    [RESUME_HEADER]: ID,
    [ATTEMPT_HEADER]: '2',
    [RECEIVED_HEADER]: '0',
  })
  const [headers] = (await once(resumed, 'response')) as [IncomingHttpHeaders]
  assert.equal(headers[RECEIVED_HEADER], '0')
  assert.equal(codeOf(await owner.resume({ [ATTEMPT_HEADER]: '1' })), 'conflict')
  assert.equal(await echoOver(resumed, 'still here'), 'still here')
})

test('a position beyond what was sent breaks the stream of who says so', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  const { open } = await hostEcho(host, SERVICE)
  await using owner = await createDialler(mesh, host)
  const stream = await owner.open()
  assert.equal(await echoOver(stream, 'seven b'), 'seven b')
  assert.equal(codeOf(await owner.resume({ [RECEIVED_HEADER]: '8' })), 'bad-message')
  await until(() => open.size === 0, 'the stream is broken at the host')
  assert.equal(codeOf(await owner.resume({ [ATTEMPT_HEADER]: '2' })), 'not-found')
})

test('a session has one side stream, and bytes on it that are no record end the session', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  await hostEcho(host, SERVICE)
  await using owner = await createDialler(mesh, host)
  await owner.open()
  const side = owner.visit.connect(SIDE_STREAM_AUTHORITY)
  await once(side, 'response')
  assert.equal(codeOf(await owner.visit.dial(SIDE_STREAM_AUTHORITY)), 'conflict')
  side.write('what is no record at all')
  await until(() => owner.visit.session.destroyed, 'the session has ended')
})

test('a peer that never acknowledges is sent no more than what is kept for it', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  let acceptedBytes = 0
  await host.host.serve(SERVICE, {
    access: { users: [], entrances: [] },
    onStream(incoming) {
      const stream = incoming.accept()
      stream.on('error', () => {})
      const chunk = Buffer.alloc(65_536)
      const more = () => {
        while (acceptedBytes < 100 * MAX_KEPT_BYTES && stream.write(chunk)) acceptedBytes += chunk.length
      }
      stream.on('drain', more)
      more()
    },
  })
  await using owner = await createDialler(mesh, host)
  const stream = await owner.open()
  let receivedBytes = 0
  stream.on('data', (chunk: Buffer) => {
    receivedBytes += chunk.length
  })
  await until(() => receivedBytes > MAX_KEPT_BYTES * 0.9, 'what may be kept has come')
  // Whatever was to come would have come in the time of a round trip.
  await owner.visit.dial(SERVICE, owner.ticket, { [RESUME_HEADER]: 'none' })
  assert.ok(receivedBytes <= MAX_KEPT_BYTES, `${receivedBytes} bytes came`)
  assert.ok(acceptedBytes <= MAX_KEPT_BYTES + 300_000, `${acceptedBytes} bytes were taken`)
})
