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

/** A log that adds the same fields to every event. */
export function withFields(log: Log, more: Record<string, LogValue>): Log {
  return {
    debug: (event, fields) => log.debug(event, { ...more, ...fields }),
    info: (event, fields) => log.info(event, { ...more, ...fields }),
    warn: (event, fields) => log.warn(event, { ...more, ...fields }),
    error: (event, fields) => log.error(event, { ...more, ...fields }),
  }
}
