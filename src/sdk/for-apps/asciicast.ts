import { StringDecoder } from 'node:string_decoder'
import type { TerminalSize } from '../app.ts'

/** Lines of a recording, as asciicast v2: https://docs.asciinema.org/manual/asciicast/v2/ */
export interface CastLines {
  /** What was shown. @returns a line, or nothing while a character is not whole */
  output(bytes: Uint8Array): string
  resized(size: TerminalSize): string
  /** What is left of a character that will never be whole. */
  end(): string
}

/** The first line. @param startedAtMs  of the calendar */
export function castHeader(
  { columns, rows }: TerminalSize,
  startedAtMs: number,
  words: { readonly title?: string; readonly command?: string } = {},
): string {
  const timestamp = Math.floor(startedAtMs / 1_000)
  return `${JSON.stringify({ version: 2, width: columns, height: rows, timestamp, ...words })}\n`
}

/** The lines after it. @param elapsedMs  since the beginning; it never goes back */
export function createCastLines(elapsedMs: () => number): CastLines {
  const decoder = new StringDecoder('utf8')
  const event = (code: string, data: string) =>
    data === '' ? '' : `${JSON.stringify([Number((elapsedMs() / 1_000).toFixed(6)), code, data])}\n`
  return {
    output: bytes => event('o', decoder.write(Buffer.from(bytes))),
    resized: ({ columns, rows }) => event('r', `${columns}x${rows}`),
    end: () => event('o', decoder.end()),
  }
}
