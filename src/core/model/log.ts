/** How much an event matters; a log shows its own level and everything above. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** A value in an event; no objects of a host, so that nothing secret can ride along unseen. */
export type LogValue = string | number | boolean | null | undefined | readonly string[]

/**
 * Where events go. Names are fixed words with a dot (`link.opened`), fields are typed; a person's text is made at
 * the edge. No field may hold a key, a token, a ticket or a byte a user sent.
 */
export interface Log {
  debug(event: string, fields?: Record<string, LogValue>): void
  info(event: string, fields?: Record<string, LogValue>): void
  warn(event: string, fields?: Record<string, LogValue>): void
  error(event: string, fields?: Record<string, LogValue>): void
}
