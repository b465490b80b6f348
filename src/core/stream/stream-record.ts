import { MeshError } from '../model/errors.ts'

/**
 * What is said of one stream on the side stream of its session:
 *
 *     4 bytes  kind      1 received, 2 ended, 3 broken
 *     4 bytes  stream    the number that HTTP/2 gave the stream in this session, 1 to 2^31 - 1
 *     8 bytes  position  received: how far the sender of this record got; ended: how many bytes it sent in all; broken: 0
 *
 * @see docs/protocol.md, "Resumable streams"
 */
export interface StreamRecord {
  readonly kind: 'received' | 'ended' | 'broken'
  readonly stream: number
  /** 0 to 2^53 - 1. */
  readonly position: number
}

/** The records one after another, 16 bytes each. */
export function encodeStreamRecords(records: readonly StreamRecord[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(records.length * STREAM_RECORD_BYTES)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const { kind, stream, position } of records) {
    view.setUint32(at, KINDS.indexOf(kind) + 1)
    view.setUint32(at + 4, stream)
    view.setUint32(at + 8, Math.floor(position / 2 ** 32))
    view.setUint32(at + 12, position % 2 ** 32)
    at += STREAM_RECORD_BYTES
  }
  return bytes
}

/** Reads records from chunks of any size; keeps less than one record. */
export interface StreamRecordDecoder {
  /** @throws MeshError `bad-message` for what is no record; the decoder is of no use then */
  push(chunk: Uint8Array): StreamRecord[]
}

/** Make a decoder at the start of a side stream. */
export function createStreamRecordDecoder(): StreamRecordDecoder {
  const part = new Uint8Array(STREAM_RECORD_BYTES)
  const view = new DataView(part.buffer)
  let partBytes = 0
  return {
    push(chunk) {
      const records: StreamRecord[] = []
      for (let at = 0; at < chunk.length; ) {
        const taken = chunk.subarray(at, at + STREAM_RECORD_BYTES - partBytes)
        part.set(taken, partBytes)
        partBytes += taken.length
        at += taken.length
        if (partBytes < STREAM_RECORD_BYTES) break
        records.push(readRecord(view))
        partBytes = 0
      }
      return records
    },
  }
}

function readRecord(view: DataView): StreamRecord {
  const kind = KINDS[view.getUint32(0) - 1]
  const stream = view.getUint32(4)
  const position = view.getUint32(8) * 2 ** 32 + view.getUint32(12)
  if (kind === undefined || stream === 0 || stream >= 2 ** 31 || position > Number.MAX_SAFE_INTEGER) {
    throw new MeshError('bad-message', 'Cannot read side stream: no such record can be')
  }
  return { kind, stream, position }
}

const KINDS = ['received', 'ended', 'broken'] as const
/** Length of a record. */
export const STREAM_RECORD_BYTES = 16
