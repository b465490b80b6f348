import type { Page } from 'playwright-core'

/** A frame as a browser encoded it. */
interface Frame {
  readonly atMs: number
  /** Base64. */
  readonly bytes: string
}

/**
 * Make a film that can be sought in: one frame a second, each whole and of noise, so that it is large. A browser encodes the frames (VP8);
 * the file around them is written here, with the places of all frames at its beginning.
 *
 * @param seconds  how long it is
 * @returns a WebM file, some 100 KB a second
 * @see RFC 9559, "Matroska Media Container Format Specification"
 */
export async function makeFilm(page: Page, seconds: number): Promise<Buffer> {
  const frames = (await page.evaluate(`(${ENCODE})(${seconds}, ${WIDTH}, ${HEIGHT})`)) as readonly Frame[]
  return writeWebm(frames, seconds)
}

// A text, as this program knows nothing of documents.
const ENCODE = `async (seconds, width, height) => {
  const frames = []
  const encoder = new VideoEncoder({
    output(chunk) {
      const bytes = new Uint8Array(chunk.byteLength)
      chunk.copyTo(bytes)
      let text = ''
      for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
      frames.push({ atMs: chunk.timestamp / 1000, bytes: btoa(text) })
    },
    error(error) { throw error },
  })
  encoder.configure({ codec: 'vp8', width, height, bitrate: 8_000_000, framerate: 1 })
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d')
  for (let second = 0; second < seconds; second += 1) {
    const image = context.createImageData(width, height)
    for (let at = 0; at < image.data.length; at += 65536) crypto.getRandomValues(image.data.subarray(at, at + 65536))
    for (let at = 3; at < image.data.length; at += 4) image.data[at] = 255
    context.putImageData(image, 0, 0)
    const frame = new VideoFrame(canvas, { timestamp: second * 1e6, duration: 1e6 })
    encoder.encode(frame, { keyFrame: true })
    frame.close()
  }
  await encoder.flush()
  return frames
}`

function writeWebm(frames: readonly Frame[], seconds: number): Buffer {
  const header = element(
    [0x1a, 0x45, 0xdf, 0xa3],
    element([0x42, 0x82], Buffer.from('webm')),
    element([0x42, 0x87], number(2)),
    element([0x42, 0x85], number(2)),
  )
  const duration = Buffer.alloc(8)
  duration.writeDoubleBE(seconds * 1_000)
  const info = element(
    [0x15, 0x49, 0xa9, 0x66],
    element([0x2a, 0xd7, 0xb1], number(1_000_000)),
    element([0x44, 0x89], duration),
  )
  const track = element(
    [0xae],
    element([0xd7], number(1)),
    element([0x73, 0xc5], number(1)),
    element([0x83], number(1)),
    element([0x86], Buffer.from('V_VP8')),
    element([0xe0], element([0xb0], number(WIDTH)), element([0xba], number(HEIGHT))),
  )
  const tracks = element([0x16, 0x54, 0xae, 0x6b], track)
  const clusters = frames.map(({ atMs, bytes }) =>
    element(
      [0x1f, 0x43, 0xb6, 0x75],
      element([0xe7], number(atMs)),
      // A block: track 1, at the cluster's own time, a whole picture.
      element([0xa3], Buffer.from([0x81, 0, 0, 0x80]), Buffer.from(bytes, 'base64')),
    ),
  )
  // All numbers have eight bytes: where the frames are does not change how long the list of them is.
  const cuesOf = (firstAt: number) => {
    let at = firstAt
    const points = frames.map(({ atMs }, index) => {
      const place = element([0xb7], element([0xf7], number(1)), element([0xf1], number(at)))
      at += clusters[index]?.length ?? 0
      return element([0xbb], element([0xb3], number(atMs)), place)
    })
    return element([0x1c, 0x53, 0xbb, 0x6b], ...points)
  }
  const before = info.length + tracks.length
  const cues = cuesOf(before + cuesOf(0).length)
  return Buffer.concat([header, element([0x18, 0x53, 0x80, 0x67], info, tracks, cues, ...clusters)])
}

/** An element: its id, its length in eight bytes, what is in it. */
function element(id: readonly number[], ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE(BigInt(body.length) | (1n << 56n))
  return Buffer.concat([Buffer.from(id), length, body])
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(Math.round(value)))
  return bytes
}

const WIDTH = 320
const HEIGHT = 240
