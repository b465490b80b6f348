import type { Log, LogLevel, LogValue } from '../core/model/log.ts'

/** One event that was logged. */
export interface LoggedEvent {
  readonly level: LogLevel
  readonly event: string
  readonly fields: Record<string, LogValue>
}

/** A log that a test can read. */
export interface RecordedLog extends Log {
  readonly events: readonly LoggedEvent[]
  /** The fields of all events of one name. */
  fieldsOf(event: string): Record<string, LogValue>[]
}

/** Make a log that keeps everything. */
export function createRecordedLog(): RecordedLog {
  const events: LoggedEvent[] = []
  const write =
    (level: LogLevel) =>
    (event: string, fields: Record<string, LogValue> = {}): void => {
      events.push({ level, event, fields })
    }
  return {
    events,
    fieldsOf: name => events.filter(({ event }) => event === name).map(({ fields }) => fields),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  }
}
