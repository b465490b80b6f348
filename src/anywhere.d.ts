/**
 * What pure code may expect of any host (Node, a browser, a worker) beyond the language itself.
 * Widening this list is a design decision: see docs/architecture.md, section 10.
 */
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>
}
declare class TextDecoder {
  constructor(label?: 'utf-8', options?: { fatal?: boolean })
  decode(bytes: Uint8Array): string
}
interface AbortSignal {
  readonly aborted: boolean
  readonly reason: unknown
}
declare class URL {
  constructor(url: string, base?: string)
  readonly protocol: string
  readonly hostname: string
  readonly port: string
  readonly host: string
  readonly pathname: string
  readonly search: string
  readonly hash: string
}
/** Requests and answers of the Fetch standard pass through; nothing pure reads them. */
interface Request {
  readonly url: string
}
interface Response {
  readonly status: number
}
