import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { PathKind } from '../core/path/path-kind.ts'
import { hostEcho } from '../testing/echo-service.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'

// Much to send at both ends at once: where each waited for the other to read, nothing would move any more.

for (const path of ['direct', 'relay', 'relay-h2', 'punched'] as const satisfies readonly PathKind[]) {
  test(`many streams with much both ways do not stand still over ${path}`, { timeout: 120_000 }, async () => {
    await using mesh = await createLocalMesh({ paths: [path] })
    const home = await mesh.join('home')
    const work = await mesh.join('work')
    const { service } = await hostEcho(home, 'tcp/echo')
    const counts = await Promise.all(
      Array.from({ length: STREAM_COUNT }, () => sendAndReceive(work, service, STREAM_BYTES)),
    )
    assert.deepEqual(
      counts,
      counts.map(() => STREAM_BYTES),
    )
  })
}

/** Send as fast as the stream takes it, and read what comes back meanwhile. @returns bytes received */
async function sendAndReceive(
  { host }: LocalAgent,
  service: Parameters<typeof host.dial>[0],
  byteCount: number,
): Promise<number> {
  const { stream } = await host.dial(service).opened
  let receivedBytes = 0
  stream.on('data', (chunk: Uint8Array) => {
    receivedBytes += chunk.length
  })
  const ended = once(stream, 'end')
  for (let leftBytes = byteCount; leftBytes > 0; leftBytes -= CHUNK.length)
    if (!stream.write(CHUNK.subarray(0, leftBytes))) await once(stream, 'drain')
  stream.end()
  await ended
  return receivedBytes
}

const STREAM_COUNT = 20
const STREAM_BYTES = 2_000_000
const CHUNK = Buffer.alloc(65_536, 'both')
