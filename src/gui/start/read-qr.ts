import { MeshError } from '../../core/model/errors.ts'

/**
 * Read the QR code in a picture. What reads it is loaded when it is needed, from this agent.
 *
 * @returns undefined if there is none in it
 */
export async function readQr(picture: ImageData): Promise<string | undefined> {
  const { default: jsQr } = await import('jsqr')
  return jsQr(picture.data, picture.width, picture.height)?.data || undefined
}

/** Read the QR code of a file that is a picture. @throws MeshError `bad-input` if it is no picture, or has no code */
export async function readQrFile(file: Blob): Promise<string> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new MeshError('bad-input', 'Cannot read picture: the browser does not know its form')
  })
  const scale = Math.min(1, MAX_EDGE / Math.max(bitmap.width, bitmap.height))
  const text = await readQr(draw(bitmap, bitmap.width * scale, bitmap.height * scale))
  bitmap.close()
  if (text !== undefined) return text
  throw new MeshError(
    'bad-input',
    'Cannot read picture: there is no QR code in it: take one that is sharp and whole',
  )
}

/** The pixels of something that can be drawn. */
export function draw(source: CanvasImageSource, width: number, height: number): ImageData {
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(width))
  canvas.height = Math.max(1, Math.round(height))
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (context === null) throw new MeshError('unsupported', 'Cannot read picture: this browser draws none')
  context.drawImage(source, 0, 0, canvas.width, canvas.height)
  return context.getImageData(0, 0, canvas.width, canvas.height)
}

/** Pixels: enough for a code of the longest link, and 16 MiB. */
const MAX_EDGE = 2_000
