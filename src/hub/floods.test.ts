import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EVENTS_PATH } from '../core/api/hub-api.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { createFlooder, type Flooder } from '../testing/flooder.ts'
import { FLAG, FRAME, frame, headerBlock, request, reset } from '../testing/http2-frames.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh } from '../testing/local-mesh.ts'
import { openTls } from '../testing/stranger.ts'
import { until } from '../testing/until.ts'

interface Flood {
  readonly what: string
  readonly run: (flooder: Flooder) => Promise<void>
  /** `ended`: the session is. `limited`: what was sent costs nothing any more, the session may live. */
  readonly member: 'ended' | 'limited'
  readonly stranger: 'ended' | 'limited'
}

const id = (index: number) => 2 * index + 1
const put = (index: number) => request(id(index), '/api/endpoint', { method: 'PUT', hasBody: true })
const fields = { ':method': 'GET', ':scheme': 'https', ':authority': 'mesh', ':path': '/api/hubs' }

const FLOODS: readonly Flood[] = [
  {
    what: 'rapid reset',
    run: ({ flood }) =>
      flood(index => Buffer.concat([request(id(index), '/api/hubs'), reset(id(index))]), 30_000),
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: 'event streams opened and reset',
    run: ({ flood }) =>
      flood(index => Buffer.concat([request(id(index), EVENTS_PATH), reset(id(index))]), 30_000),
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: 'PING',
    run: ({ flood }) => flood(() => frame(FRAME.PING, 0, 0, Buffer.alloc(8)), 50_000),
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: 'SETTINGS',
    run: ({ flood }) => flood(() => frame(FRAME.SETTINGS, 0, 0), 50_000),
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: 'one SETTINGS frame of a thousand settings',
    run: ({ flood }) =>
      flood(() => frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(6_000, Buffer.of(0, 4, 0, 0, 255, 255))), 1),
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: 'CONTINUATION',
    run: async ({ send, flood }) => {
      await send(frame(FRAME.HEADERS, FLAG.END_STREAM, 1, headerBlock(fields)))
      await flood(index => frame(FRAME.CONTINUATION, 0, 1, headerBlock({ [`x-${index}`]: 'y' })), 50_000)
    },
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: 'empty CONTINUATION',
    run: async ({ send, flood }) => {
      await send(frame(FRAME.HEADERS, FLAG.END_STREAM, 1, headerBlock(fields)))
      await flood(() => frame(FRAME.CONTINUATION, 0, 1), 50_000)
    },
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: 'headers over their size, in each of 500 streams',
    run: ({ flood }) => flood(index => headersOf(id(index), [headerBlock(manyFields(24, 500))]), 500),
    member: 'limited',
    stranger: 'ended',
  },
  {
    what: 'more header fields than anybody needs',
    run: ({ flood }) => flood(index => headersOf(id(index), [headerBlock(manyFields(300, 2))]), 500),
    member: 'limited',
    stranger: 'ended',
  },
  {
    what: 'a header field kept in the table and named ten thousand times',
    run: ({ flood }) =>
      flood(index => headersOf(id(index), [tableEntry('x-bomb', 3_900), Buffer.alloc(10_000, 0xbe)]), 200),
    member: 'limited',
    stranger: 'limited',
  },
  {
    what: 'empty DATA',
    run: async ({ send, flood }) => {
      await send(put(0))
      await flood(() => frame(FRAME.DATA, 0, 1), 50_000)
    },
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: '10,000 streams that wait for a body',
    run: ({ flood }) => flood(put, 10_000),
    member: 'limited',
    stranger: 'ended',
  },
  {
    what: 'one body of 64 MiB',
    run: async ({ send, flood }) => {
      await send(put(0))
      await flood(() => frame(FRAME.DATA, 0, 1, Buffer.alloc(16_384)), 4_096)
    },
    member: 'limited',
    stranger: 'limited',
  },
  {
    what: '1,500 bodies that are almost whole',
    run: ({ flood }) =>
      flood(
        index =>
          Buffer.concat([
            put(index),
            ...Array.from({ length: 12 }, () => frame(FRAME.DATA, 0, id(index), Buffer.alloc(16_384))),
          ]),
        1_500,
      ),
    member: 'limited',
    stranger: 'ended',
  },
  {
    what: '9,000 answers that are never taken',
    run: async ({ send, flood }) => {
      // INITIAL_WINDOW_SIZE 0: not a byte of an answer may be sent.
      await send(frame(FRAME.SETTINGS, 0, 0, Buffer.of(0, 4, 0, 0, 0, 0)))
      await flood(index => request(id(index), '/api/root'), 9_000)
    },
    member: 'limited',
    stranger: 'ended',
  },
]

function manyFields(count: number, valueLength: number): Record<string, string> {
  const extra = Array.from({ length: count }, (_, index) => [`x-${index}`, 'y'.repeat(valueLength)])
  return { ...fields, ...Object.fromEntries(extra) }
}

function headersOf(stream: number, blocks: readonly Uint8Array[]): Buffer {
  const block = Buffer.concat([headerBlock(fields), ...blocks])
  return frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream, block)
}

/** A literal field with incremental indexing, RFC 7541 section 6.2.1: it is entry 62 from then on. */
function tableEntry(name: string, valueLength: number): Buffer {
  const [first, ...rest] = headerBlock({ [name]: 'z'.repeat(valueLength) })
  assert.equal(first, 0)
  return Buffer.from([0x40, ...rest])
}

for (const role of ['member', 'stranger'] as const) {
  test(`hub outlives each flood by a ${role}, and others keep working`, async t => {
    await using mesh = await createLocalMesh()
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    const { service } = await hostEcho(host, 'tcp/echo')
    for (const flood of FLOODS) {
      await t.test(flood.what, t => runFlood(t, { mesh, role, flood, neighbours: { guest, service } }))
    }
    // The members' own links were not touched; all is as before.
    assert.deepEqual(
      mesh.events.filter(({ event }) => event === 'link.lost'),
      [],
    )
  })
}

interface Scene {
  readonly mesh: LocalMesh
  readonly role: 'member' | 'stranger'
  readonly flood: Flood
  readonly neighbours: { guest: LocalAgent; service: Parameters<typeof echo>[1] }
}

async function runFlood(t: { diagnostic(text: string): void }, scene: Scene): Promise<void> {
  const { mesh, role, flood, neighbours } = scene
  const attacker = role === 'member' ? await mesh.member() : undefined
  const flooder = createFlooder(await openTls(mesh.address, attacker && { certificate: attacker }))
  const before = process.memoryUsage.rss()
  let isFlooding = true
  let peak = before
  const worked = (async () => {
    let slowestMs = 0
    do {
      const startedMs = performance.now()
      assert.equal(await echo(neighbours.guest, neighbours.service, 'still here'), 'still here')
      slowestMs = Math.max(slowestMs, performance.now() - startedMs)
      peak = Math.max(peak, process.memoryUsage.rss())
    } while (isFlooding)
    return slowestMs
  })()
  try {
    await flood.run(flooder)
    if (flood[role] === 'ended') await until(() => flooder.hasEnded, 'the session has ended')
  } finally {
    isFlooding = false
    flooder.socket.destroy()
  }
  const slowestMs = await worked
  const grownMib = Math.round((peak - before) / 1_048_576)
  t.diagnostic(`${role}: ${grownMib} MiB at most, slowest dial of a neighbour ${Math.round(slowestMs)} ms`)
  assert.ok(grownMib < MAX_GROWTH_MIB, `grew by ${grownMib} MiB`)
}

/** Flooder and hub together, they are one process here. */
const MAX_GROWTH_MIB = 160
