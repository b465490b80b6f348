/** A folder for secrets that lives in memory, and whose power can be cut. */
export interface SecretMemory {
  readonly files: Map<string, string>
  /** Names in the order they were written. */
  readonly written: string[]
  /** Let this many more writes succeed; then every write fails, as after `kill -9`. */
  failAfter(writeCount: number): void
  readSecret(name: string): Promise<string | undefined>
  writeSecret(name: string, text: string): Promise<void>
}

/** Make an empty folder, or one with what another holds. */
export function createSecretMemory(from: Iterable<readonly [string, string]> = []): SecretMemory {
  const files = new Map(from)
  const written: string[] = []
  let writesLeft = Number.POSITIVE_INFINITY
  return {
    files,
    written,
    failAfter(writeCount) {
      writesLeft = writeCount
    },
    readSecret: async name => files.get(name),
    async writeSecret(name, text) {
      if (writesLeft <= 0) throw new Error('the power is off')
      writesLeft -= 1
      files.set(name, text)
      written.push(name)
    },
  }
}
