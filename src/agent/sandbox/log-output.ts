import type { Readable } from 'node:stream'
import { z } from 'zod'
import type { Log, LogLevel, LogValue } from '../../core/model/log.ts'
import { printable } from '../../core/model/quote.ts'
import type { Json } from '../../core/model/store.ts'
import type { Clock } from '../../core/model/time.ts'
import { createTokenBucket } from '../../core/model/token-bucket.ts'

/** How much an app may log. */
export const APP_LOG_LIMITS = {
  linesPerSecond: 50,
  lineBurst: 500,
  /** Of a line, in bytes; the rest of it is another line. */
  lineBytes: 4_096,
} as const

/** Put what a process prints into a log, line by line; what is over the limit is counted, and said when there is room again. */
export function logOutput(
  output: Readable,
  { log, level, clock }: { log: Log; level: LogLevel; clock: Clock },
): void {
  const note = limitLines(log, clock)
  let rest = Buffer.alloc(0)
  output.on('data', (chunk: Buffer) => {
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      note(level, 'app.printed', { text: textOf(Buffer.concat([rest, chunk.subarray(from, end)])) })
      rest = Buffer.alloc(0)
      from = end + 1
    }
    rest = Buffer.concat([rest, chunk.subarray(from, from + APP_LOG_LIMITS.lineBytes + 1)])
    if (rest.length <= APP_LOG_LIMITS.lineBytes) return
    note(level, 'app.printed', { text: textOf(rest) })
    rest = Buffer.alloc(0)
  })
  output.on('end', () => {
    if (rest.length > 0) note(level, 'app.printed', { text: textOf(rest) })
  })
}

const wordsShape = z.object({
  level: z.enum(['debug', 'info', 'warn', 'error']),
  text: z.string().max(4_096),
  fields: z
    .record(z.string().max(64), z.union([z.string().max(4_096), z.number(), z.boolean()]))
    .refine(fields => Object.keys(fields).length <= 16),
})

/** Put what an app says by its own `host.log` into a log. What is no line of it is counted as one too many. */
export function logWords(log: Log, clock: Clock): (words: Json) => void {
  const note = limitLines(log, clock)
  return words => {
    const parsed = wordsShape.safeParse(words)
    if (!parsed.success) return note('warn', 'app.log-unreadable', {})
    const { level, text, fields } = parsed.data
    note(level, 'app.log', { ...fields, text: printable(text, APP_LOG_LIMITS.lineBytes) })
  }
}

type Note = (level: LogLevel, event: string, fields: Record<string, LogValue>) => void

function limitLines(log: Log, clock: Clock): Note {
  const bucket = createTokenBucket(APP_LOG_LIMITS.linesPerSecond, APP_LOG_LIMITS.lineBurst)
  let dropped = 0
  return (level, event, fields) => {
    if (!bucket.take(clock.now())) {
      dropped++
      return
    }
    if (dropped > 0) log.warn('app.lines-dropped', { count: dropped })
    dropped = 0
    log[level](event, fields)
  }
}

function textOf(bytes: Buffer): string {
  return printable(bytes.subarray(0, APP_LOG_LIMITS.lineBytes).toString('utf8'), APP_LOG_LIMITS.lineBytes)
}
