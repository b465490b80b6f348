import { type Struct, utils } from 'capnp-es'
import { listKind, structKind, writeStruct, writeText } from './struct-kind.ts'

/** More about something, in pairs of texts; keys may repeat. */
export type Metadata = readonly (readonly [key: string, value: string])[]

/** A point in time. */
export interface Timestamp {
  /** Since 1970, signed. */
  readonly seconds: bigint
  /** 0 to 999,999,999. */
  readonly nanos: number
}

const ENTRY = structKind<Metadata[number]>('Metadata.Entry', {
  dataWords: 0,
  pointers: 2,
  read: from => [from.text(0), from.text(1)],
  write(to, [key, value]) {
    writeText(to, 0, key)
    writeText(to, 1, value)
  },
})

/** `Metadata`: 0 words, 1 pointer. */
export const METADATA = listKind('Metadata', ENTRY)

/** `Timestamp`: 2 words. */
export const TIMESTAMP = structKind<Timestamp>('Timestamp', {
  dataWords: 2,
  pointers: 0,
  read: from => ({ seconds: from.int64(0), nanos: from.uint32(8) }),
  write(to, { seconds, nanos }) {
    utils.setInt64(0, seconds, to)
    utils.setUint32(8, nanos, to)
  },
})

/** Write metadata, if there is any. */
export function writeMetadata(to: Struct, pointer: number, metadata: Metadata): void {
  if (metadata.length > 0) writeStruct(to, pointer, METADATA, metadata)
}
