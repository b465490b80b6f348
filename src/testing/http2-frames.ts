/**
 * HTTP/2 frames made by hand (RFC 9113, section 4.1), for what no well-behaved client would send:
 *
 *     3 bytes length, 1 byte type, 1 byte flags, 4 bytes stream id, payload
 */
export interface RawFrame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Uint8Array
}

/** Frame types, RFC 9113 section 6. */
export const FRAME = {
  DATA: 0x0,
  HEADERS: 0x1,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const

/** Flags; END_STREAM and ACK share a bit. */
export const FLAG = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4 } as const

/** What a client sends first: the preface and empty settings. */
export const CLIENT_PREFACE: Buffer = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'ascii'),
  frame(FRAME.SETTINGS, 0, 0),
])

/** The bytes of one frame. */
export function frame(type: number, flags: number, stream: number, payload?: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload?.length ?? 0, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return payload === undefined ? head : Buffer.concat([head, payload])
}

/** A block of header fields, each a literal without indexing, RFC 7541 section 6.2.2. */
export function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]),
  )
}

/** A whole request, or its beginning with a body to follow. */
export function request(
  stream: number,
  path: string,
  { method = 'GET', hasBody = false }: { method?: string; hasBody?: boolean } = {},
): Buffer {
  const flags = FLAG.END_HEADERS | (hasBody ? 0 : FLAG.END_STREAM)
  const fields = { ':method': method, ':scheme': 'https', ':authority': 'mesh', ':path': path }
  return frame(FRAME.HEADERS, flags, stream, headerBlock(fields))
}

/** RST_STREAM with CANCEL. */
export function reset(stream: number): Buffer {
  return frame(FRAME.RST_STREAM, 0, stream, Buffer.of(0, 0, 0, 8))
}

/** Cuts a byte stream into frames. @returns a function that is given bytes and gives the frames now whole */
export function createFrameReader(): (bytes: Uint8Array) => RawFrame[] {
  let pending = Buffer.alloc(0)
  return bytes => {
    pending = Buffer.concat([pending, bytes])
    const frames: RawFrame[] = []
    for (;;) {
      if (pending.length < 9) return frames
      const end = 9 + pending.readUIntBE(0, 3)
      if (pending.length < end) return frames
      const [type, flags, stream] = [pending.readUInt8(3), pending.readUInt8(4), pending.readUInt32BE(5)]
      frames.push({ type, flags, stream, payload: pending.subarray(9, end) })
      pending = pending.subarray(end)
    }
  }
}

/** A string as HPACK writes it, without Huffman: length with a 7-bit prefix, then bytes. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  const length: number[] = []
  if (bytes.length < 127) length.push(bytes.length)
  else {
    length.push(127)
    let rest = bytes.length - 127
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
    length.push(rest)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}
