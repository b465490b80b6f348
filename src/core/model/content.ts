/**
 * Bytes that an app gives to this computer's user by HTTP, or takes: below `/api/meshes/{mesh}/apps/{provider}/{app}/content`. What
 * is meant the query says, in the app's own words; it was written by a stranger until the app has parsed it.
 */
export interface AppContents {
  /** Open something to be read. @throws MeshError `not-found`, `denied`, `offline`, `bad-input` … */
  open(query: Readonly<Record<string, string>>): Promise<AppContent>
  /**
   * Take a piece of something; without this, the app takes nothing.
   *
   * @param bytes   the piece, as it comes; throws if it is cut
   * @returns how much of it there is now, the piece with it
   * @throws MeshError `conflict` if it is not the next piece; `denied`, `storage-full` …
   */
  take?(query: Readonly<Record<string, string>>, bytes: AsyncIterable<Uint8Array>): Promise<TakenContent>
}

/** Something that can be read, from anywhere in it, until it is disposed. */
export interface AppContent extends AsyncDisposable {
  /** What it would be saved as: one name, of a stranger's choosing. */
  readonly name: string
  readonly sizeBytes: number
  /** Another whenever the bytes are others: hex, 64 digits at most. */
  readonly version: string
  /**
   * Read from `start` up to, not with, `end`, in pieces of a MiB or so, a few read ahead of who takes them.
   *
   * @throws MeshError `conflict` if it was changed meanwhile; `offline` if nobody can give it any more …
   */
  read(start: number, end: number): AsyncGenerator<Uint8Array>
}

/** How much there is of something that comes in pieces. */
export interface TakenContent {
  /** Which it is, as long as it comes: hex, 16 digits. */
  readonly id: string
  readonly name: string
  /** Where it is, or will be. */
  readonly place: string
  readonly doneBytes: number
  readonly totalBytes: number
}
