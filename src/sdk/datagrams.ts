import type { Duplex } from 'node:stream'
import {
  createDatagramDecoder,
  createDatagramQueue,
  encodeDatagrams,
  MAX_DATAGRAM_BYTES,
} from '../core/codec/datagram.ts'
import { MeshError } from '../core/model/errors.ts'

/** A connection to a `udp/` service, as what it means: datagrams. */
export interface Datagrams extends AsyncIterable<Uint8Array> {
  /**
   * Send one. Where the other side takes them too slowly they wait, and then the oldest are lost, as on any network.
   *
   * @param payload  0 to 65,507 bytes; it belongs to the connection from now on
   * @throws MeshError `too-large`, `link-closed`
   */
  send(payload: Uint8Array): void
  /**
   * Receive one. Several calls may wait: they are served in the order in which they were made.
   *
   * @throws MeshError `link-closed` when none is left and none will come; `bad-message` where the other side sends what is none
   */
  recv(): Promise<Uint8Array>
  /** Lost here since the start: what waited too long to be sent, or to be received. */
  readonly droppedCount: number
  /** End this side's half: no more is sent. */
  close(): void
}

/**
 * Read and write datagrams on a connection of a `udp/` service, which belongs to the result from now on.
 *
 *     const dns = openDatagrams(await ztm.dial('udp/dns'))
 *     dns.send(question)
 *     const answer = await dns.recv()
 *
 * They come in order and none is lost on the way; only what waits at an end too long is.
 *
 * @see docs/protocol.md, "Datagrams"
 */
export function openDatagrams(stream: Duplex): Datagrams {
  const decoder = createDatagramDecoder()
  const incoming = createDatagramQueue(DATAGRAM_QUEUE_LIMITS)
  const outgoing = createDatagramQueue(DATAGRAM_QUEUE_LIMITS)
  const receivers: PromiseWithResolvers<Uint8Array>[] = []
  let ended: MeshError | undefined
  let isFull = false

  function take(chunk: Uint8Array): void {
    try {
      for (const payload of decoder.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length))) {
        const receiver = receivers.shift()
        // A copy: what waits must not keep the whole chunk it came in.
        if (receiver === undefined) incoming.push(payload.slice())
        else receiver.resolve(payload)
      }
    } catch (thrown) {
      end(thrown as MeshError)
      stream.destroy()
    }
  }

  function end(error: MeshError): void {
    if (ended !== undefined) return
    ended = error
    for (const { reject } of receivers.splice(0)) reject(error)
  }

  function flush(): void {
    isFull = false
    while (!isFull && outgoing.count > 0) isFull = !stream.write(encodeDatagrams(outgoing.take(BATCH_BYTES)))
  }

  async function recv(): Promise<Uint8Array> {
    const payload = incoming.shift()
    if (payload !== undefined) return payload
    if (ended !== undefined) throw ended
    const receiver = Promise.withResolvers<Uint8Array>()
    receivers.push(receiver)
    return receiver.promise
  }

  const closed = (why: string, cause?: unknown) =>
    new MeshError('link-closed', `Datagrams ended: ${why}`, { cause })
  stream
    .on('data', take)
    .on('drain', flush)
    .on('end', () => end(closed('the other side ended them')))
    .on('error', cause => end(closed('the connection broke', cause)))
    .on('close', () => end(closed('the connection is closed')))
  return {
    send(payload) {
      if (payload.length > MAX_DATAGRAM_BYTES) {
        const state = `${payload.length} bytes: at most ${MAX_DATAGRAM_BYTES}`
        throw new MeshError('too-large', `Cannot send datagram: ${state}`)
      }
      if (stream.writableEnded || stream.destroyed) throw ended ?? closed('it was closed here')
      outgoing.push(payload)
      if (!isFull) flush()
    },
    recv,
    get droppedCount() {
      return incoming.droppedCount + outgoing.droppedCount
    },
    close: () => void stream.end(),
    async *[Symbol.asyncIterator]() {
      try {
        while (true) yield await recv()
      } catch (thrown) {
        if (!(thrown instanceof MeshError) || thrown.code !== 'link-closed') throw thrown
      }
    },
  }
}

/** Of a connection, each way: what waits to be sent, or for somebody to receive it. */
export const DATAGRAM_QUEUE_LIMITS = { maxBytes: 262_144, maxCount: 512 }

const BATCH_BYTES = 65_536
