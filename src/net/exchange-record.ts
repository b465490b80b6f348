/** What is written down of one request while it is answered. Filled in as it goes on. */
export interface ExchangeRecord {
  readonly id: string
  /** By `performance.now()`. */
  readonly startedMs: number
  status: number
  bytesIn: number
  bytesOut: number
  firstByteMs: number | undefined
  tries: number
  /** Code of the error that ended it. */
  error: string | undefined
}
