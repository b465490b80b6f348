/** What the files of one mesh may take at an endpoint; see docs/limits.md. */
export interface FilesLimits {
  /** Files and trees that are published or held here. */
  readonly maxItems: number
  /** Streams of others that are served at one time, in all and of one endpoint. */
  readonly maxStreams: number
  readonly maxStreamsPerEndpoint: number
  /** A stream on which nothing is asked and nothing taken ends. */
  readonly idleMs: number
  /** A holder that is asked what it has must begin to answer within this time. */
  readonly answerTimeoutMs: number
  /** Holders that are asked at the same time what they have, and that one content is fetched from. */
  readonly maxAsked: number
  readonly maxHolders: number
  /** Items that are taken from one holder's answer. */
  readonly maxItemsOfHolder: number
  /** Bytes of chunks that are read ahead for one stream. */
  readonly readAheadBytes: number
  /** Bytes of chunks that are hashed at the same time. */
  readonly hashBytes: number
  /** Publications and downloads that are known, and that run. */
  readonly maxJobs: number
  readonly maxRunningJobs: number
  /** A download that no holder can go on with looks for others so often, that far apart. */
  readonly retryCount: number
  readonly retryMs: number
  /** A copy asks the endpoint that published it whether it may still be given away: so often, and so long without an answer. */
  readonly confirmMs: number
  readonly leaseMs: number
  readonly logIntervalMs: number
}

/** The limits an agent starts with. */
export const FILES_LIMITS: FilesLimits = {
  maxItems: 10_000,
  maxStreams: 256,
  maxStreamsPerEndpoint: 16,
  idleMs: 60_000,
  answerTimeoutMs: 5_000,
  maxAsked: 32,
  maxHolders: 8,
  maxItemsOfHolder: 10_000,
  readAheadBytes: 8_388_608,
  hashBytes: 16_777_216,
  maxJobs: 1_000,
  maxRunningJobs: 8,
  retryCount: 5,
  retryMs: 2_000,
  confirmMs: 600_000,
  leaseMs: 604_800_000,
  logIntervalMs: 10_000,
}
