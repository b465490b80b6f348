import { MeshError } from '../core/model/errors.ts'

/**
 * The bytes of each block of PEM text that holds blocks of one label and nothing else.
 *
 * @param label  `CERTIFICATE`, `CERTIFICATE REQUEST`, …
 * @throws MeshError `bad-input` for text around or between blocks, another label, bad or padded base64
 * @see RFC 7468
 */
export function readPem(text: string, label: string): Buffer[] {
  const block = new RegExp(
    `-----BEGIN ${label}-----\\r?\\n([A-Za-z0-9+/=\\r\\n]+)-----END ${label}-----(?:\\r?\\n|$)`,
    'y',
  )
  const blocks: Buffer[] = []
  while (block.lastIndex < text.length) {
    const base64 = block.exec(text)?.[1]?.replace(/[\r\n]/g, '')
    if (base64 === undefined || base64 === '') {
      throw new MeshError('bad-input', `Cannot read PEM: something else than a whole ${label} block`)
    }
    const bytes = Buffer.from(base64, 'base64')
    if (bytes.toString('base64') !== base64) throw new MeshError('bad-input', 'Cannot read PEM: bad base64')
    blocks.push(bytes)
  }
  return blocks
}

/** Bytes as one block of PEM, ended by a line feed. */
export function formatPem(bytes: Uint8Array, label: string): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
