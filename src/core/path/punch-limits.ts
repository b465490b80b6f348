/** How much one introduction sends and remembers, and how long it takes; see docs/limits.md. */
export const PUNCH_LIMITS = {
  /** Datagrams of every kind, each second. */
  sendsPerSecond: 500,
  /** Datagrams at once, after a while without. */
  sendBurst: 100,
  /** Answers to addresses that have not shown that they receive, each second. */
  unprovenPongsPerSecond: 5,
  unprovenPongBurst: 30,
  /** Pings to one address on our own account, and as many again because it pinged us. */
  pingsPerAddress: 10,
  /** Addresses of the peer that no candidate names, from which it pinged or which were guessed. */
  learnedAddresses: 8,
  /** Sockets a side behind a symmetric NAT opens, and ports the other guesses: 99.97 % that two meet. */
  searchSockets: 256,
  searchGuesses: 2_048,
  /** Searches of one introduction: so many at once, and then one a minute. */
  searchBurst: 2,
  /** How often each of those sockets pings. */
  searchRounds: 3,
  /** A nomination that is never agreed to is sent so often. */
  nominations: 25,
  /** An attempt without a search, and one that has only addresses without a NAT between. */
  attemptMs: 4_000,
  localAttemptMs: 1_500,
  /** An attempt with a search, which begins when the candidates had their chance. */
  searchAttemptMs: 12_500,
  searchAfterMs: 300,
  /** Least time from one attempt to the next; doubled up to the longest while attempts follow each other closely. */
  firstGapMs: 1_000,
  longestGapMs: 30_000,
  /** How long a pair that works waits for a closer one. */
  settleMs: 100,
  /** Between pings on the chosen pair. */
  keepAliveMs: 15_000,
  /** Between pings that are not answered, and after which the pair is lost. */
  retryMs: 250,
  lostMs: 2_000,
} as const

/** Time from each ping to one address to the next, ms: all ten within 3 s. */
export const PING_GAPS_MS: readonly number[] = [20, 50, 100, 200, 300, 400, 500, 600, 700]
