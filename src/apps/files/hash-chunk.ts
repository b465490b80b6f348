import { hash, webcrypto } from 'node:crypto'

/** SHA-256 of a chunk: of a large one beside the event loop, of a small one at once, which is quicker than to have it done. */
export async function hashChunk(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.length <= AT_ONCE_BYTES) return hash('sha256', bytes, 'buffer')
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
}

/** The name of a content: SHA-256 of its manifest, as hex. */
export async function nameContent(manifest: Uint8Array): Promise<string> {
  return Buffer.from(await hashChunk(manifest)).toString('hex')
}

const AT_ONCE_BYTES = 16_384
