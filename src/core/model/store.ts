/** A value that JSON can hold. Whoever reads one parses it: what a disk gives back is input like any other. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** What is stored under a key, and which version of it. Revisions of one store only grow. */
export interface Entry {
  readonly key: string
  readonly value: Json
  readonly revision: number
}

/** One change a watcher sees; `value` is undefined where the key was deleted. */
export interface Change {
  readonly key: string
  readonly value: Json | undefined
  readonly revision: number
}

/**
 * A versioned key-value space: what must not be lost. A promise that resolved means the change survives `kill -9`
 * and loss of power. Keys are `word/word/…`, 1-512 characters; values at most 256 KiB as JSON.
 *
 * Every adapter passes the contract suite in `testing/contracts/store-contract.ts`.
 */
export interface Store extends AsyncDisposable {
  get(key: string): Promise<Entry | undefined>
  /** All entries whose key starts with `prefix`, in key order. */
  list(prefix: string): Promise<Entry[]>
  /**
   * Write one value, whole or not at all.
   *
   * @param options.expected  the revision it must have now; 0 means that it must not exist
   * @returns the new revision
   * @throws MeshError `conflict` if the revision is another, `storage-full`, `storage-failed`, `too-large`
   */
  put(key: string, value: Json, options?: { expected?: number }): Promise<number>
  /** Remove a key; no error if there is none. @throws as `put` */
  delete(key: string, options?: { expected?: number }): Promise<void>
  /**
   * Call `onChange` for every change below `prefix` from now on, in order.
   *
   * @returns a function that ends the watch
   */
  watch(prefix: string, onChange: (change: Change) => void): () => void
}
