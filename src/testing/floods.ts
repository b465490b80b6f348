import assert from 'node:assert/strict'
import type { Flooder } from './flooder.ts'
import { FLAG, FRAME, frame, headerBlock, request, reset } from './http2-frames.ts'
import { until } from './until.ts'

/** A way to keep an HTTP/2 server busy for nothing. */
export interface Flood {
  readonly what: string
  readonly run: (flooder: Flooder) => Promise<void>
  /** `ended`: the session is. `limited`: what was sent costs nothing any more, the session may live. */
  readonly member: 'ended' | 'limited'
  readonly stranger: 'ended' | 'limited'
}

/** What is asked for in a flood. */
export interface FloodPaths {
  /** A path that is read. */
  readonly get: string
  /** A path that takes a body with POST. */
  readonly post: string
}

/** The id of a client's nth stream. */
export const streamId = (index: number): number => 2 * index + 1

/** Floods of requests and frames, each seen somewhere against a server of HTTP/2. */
export const floodsOf = ({ get, post }: FloodPaths): readonly Flood[] => [
  {
    what: 'rapid reset',
    run: ({ flood }) =>
      flood(index => Buffer.concat([request(streamId(index), get), reset(streamId(index))]), 30_000),
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
      await send(frame(FRAME.HEADERS, FLAG.END_STREAM, 1, headerBlock(fieldsOf(get))))
      await flood(index => frame(FRAME.CONTINUATION, 0, 1, headerBlock({ [`x-${index}`]: 'y' })), 50_000)
    },
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: 'empty CONTINUATION',
    run: async ({ send, flood }) => {
      await send(frame(FRAME.HEADERS, FLAG.END_STREAM, 1, headerBlock(fieldsOf(get))))
      await flood(() => frame(FRAME.CONTINUATION, 0, 1), 50_000)
    },
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: 'headers over their size, in each of 500 streams',
    run: ({ flood }) =>
      flood(index => headersOf(streamId(index), get, [headerBlock(manyFields(24, 500))]), 500),
    member: 'limited',
    stranger: 'limited',
  },
  {
    what: 'more header fields than anybody needs',
    run: ({ flood }) =>
      flood(index => headersOf(streamId(index), get, [headerBlock(manyFields(300, 2))]), 500),
    member: 'limited',
    stranger: 'limited',
  },
  {
    what: 'a header field kept in the table and named ten thousand times',
    run: ({ flood }) =>
      flood(
        index => headersOf(streamId(index), get, [tableEntry('x-bomb', 3_900), Buffer.alloc(10_000, 0xbe)]),
        200,
      ),
    member: 'limited',
    stranger: 'limited',
  },
  {
    what: 'empty DATA',
    run: async ({ send, flood }) => {
      await send(begin(0, post))
      await flood(() => frame(FRAME.DATA, 0, 1), 50_000)
    },
    member: 'ended',
    stranger: 'ended',
  },
  {
    what: '10,000 streams that wait for a body',
    run: ({ flood }) => flood(index => begin(index, post), 10_000),
    member: 'limited',
    stranger: 'ended',
  },
  {
    what: 'one body of 64 MiB',
    run: async ({ send, flood }) => {
      await send(begin(0, post))
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
            begin(index, post),
            ...Array.from({ length: 12 }, () => frame(FRAME.DATA, 0, streamId(index), Buffer.alloc(16_384))),
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
      await flood(index => request(streamId(index), get), 9_000)
    },
    member: 'limited',
    stranger: 'ended',
  },
]

const begin = (index: number, path: string) =>
  request(streamId(index), path, { method: 'POST', hasBody: true })

const fieldsOf = (path: string) => ({
  ':method': 'GET',
  ':scheme': 'https',
  ':authority': 'mesh',
  ':path': path,
})

function manyFields(count: number, valueLength: number): Record<string, string> {
  const extra = Array.from({ length: count }, (_, index) => [`x-${index}`, 'y'.repeat(valueLength)])
  return Object.fromEntries(extra)
}

function headersOf(stream: number, path: string, blocks: readonly Uint8Array[]): Buffer {
  const block = Buffer.concat([headerBlock(fieldsOf(path)), ...blocks])
  return frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream, block)
}

/** A literal field with incremental indexing, RFC 7541 section 6.2.1: it is entry 62 from then on. */
function tableEntry(name: string, valueLength: number): Buffer {
  const [first, ...rest] = headerBlock({ [name]: 'z'.repeat(valueLength) })
  assert.equal(first, 0)
  return Buffer.from([0x40, ...rest])
}

/** What is watched during a flood. */
export interface FloodWatch {
  readonly flooder: Flooder
  readonly flood: Flood
  readonly role: 'member' | 'stranger'
  /** Somebody else's work, which must go on. Called again and again. */
  readonly neighbour: () => Promise<void>
}

/** Run a flood and see that it ends as it must, that others keep working, and what it costs. */
export async function endure(t: { diagnostic(text: string): void }, watch: FloodWatch): Promise<void> {
  const { flooder, flood, role, neighbour } = watch
  const before = process.memoryUsage.rss()
  let isFlooding = true
  let peak = before
  const worked = (async () => {
    let slowestMs = 0
    do {
      const startedMs = performance.now()
      await neighbour()
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
  const slowestMs = Math.round(await worked)
  const grownMib = Math.round((peak - before) / 1_048_576)
  t.diagnostic(`${role}: ${grownMib} MiB at most, the slowest dial of a neighbour took ${slowestMs} ms`)
  assert.ok(grownMib < MAX_GROWTH_MIB, `grew by ${grownMib} MiB`)
}

/** Flooder and server together, for they are one process in a test. */
const MAX_GROWTH_MIB = 250
