import { writeFile } from 'node:fs/promises'
import { encode } from 'uqr'

/**
 * Write a film of a QR code, as Chromium's false camera plays it.
 *
 * @param file  its name has to end with `.y4m`
 * @see wiki.multimedia.cx, YUV4MPEG2; ITU-T T.81 names no colour space for it: 4:2:0 with whole planes
 */
export async function writeQrVideo(file: string, text: string): Promise<void> {
  const { data, size } = encode(text, { ecc: 'L', border: 4 })
  const dot = Math.floor(HEIGHT / size)
  const light = Buffer.alloc(WIDTH * HEIGHT, WHITE)
  const [left, top] = [Math.floor((WIDTH - size * dot) / 2), Math.floor((HEIGHT - size * dot) / 2)]
  for (let y = 0; y < size * dot; y += 1) {
    for (let x = 0; x < size * dot; x += 1) {
      const isDark = data[Math.floor(y / dot)]?.[Math.floor(x / dot)] === true
      if (isDark) light[(top + y) * WIDTH + left + x] = BLACK
    }
  }
  const grey = Buffer.alloc((WIDTH * HEIGHT) / 2, 128)
  const frame = Buffer.concat([Buffer.from('FRAME\n'), light, grey])
  const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`)
  await writeFile(file, Buffer.concat([head, frame, frame, frame]))
}

const WIDTH = 640
const HEIGHT = 480
const WHITE = 235
const BLACK = 16
