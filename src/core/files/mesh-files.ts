import type { Name, UserName } from '../model/names.ts'
import type { FileAccess } from './file-access.ts'

/**
 * Files of the mesh for an app from elsewhere: all that this endpoint's user may see, and of what they publish no more than
 * what the app itself published, which has a place of its own: `apps/alice/notes/…` below theirs.
 */
export interface MeshFiles {
  /** @throws MeshError `offline`, `bad-name` */
  find(query: MeshFileQuery): Promise<{ readonly files: MeshFile[]; readonly unanswered: string[] }>
  /**
   * Read a published file, or one of a published tree, from all who have it. Bytes are checked before they are given, and
   * fetched no faster than they are taken.
   *
   * @param path  `/users/bob/photos/a.jpg`, or below the user's own place
   * @throws MeshError `not-found`, `bad-input` for a folder; while it is read `offline`, `conflict` if it was changed meanwhile
   */
  read(
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number; readonly bytes: AsyncIterable<Uint8Array> }>
  /**
   * Publish a file, in the place of what the app published under that name.
   *
   * @param name   below the app's own place
   * @param bytes  all of it; if they break off, nothing is published
   * @throws MeshError `bad-name`, `too-large`, `too-many`, `storage-full`, `name-taken`
   */
  publish(name: string, bytes: AsyncIterable<Uint8Array>, terms: MeshFileTerms): Promise<MeshFile>
  /** Withdraw what the app published, and remove it from disk. @throws MeshError `not-found` */
  withdraw(name: string): Promise<void>
}

/** What is looked for. */
export interface MeshFileQuery {
  /** A place, and all below it. */
  readonly path?: string | undefined
  /** Of the name; see `fitsPattern`. */
  readonly pattern?: string | undefined
  readonly tag?: Name | undefined
  readonly owner?: UserName | undefined
}

/** Who may see what is published, and by what it is found. */
export interface MeshFileTerms {
  readonly access: FileAccess
  readonly tags: readonly Name[]
}

/** Something that was published. */
export interface MeshFile {
  /** `/users/bob/photos` */
  readonly path: string
  readonly owner: UserName
  readonly kind: 'file' | 'tree'
  readonly sizeBytes: number
  readonly modifiedAtMs: number
  readonly publishedAtMs: number
  readonly tags: readonly Name[]
  /** Names of endpoints that have it and are online. */
  readonly holders: readonly string[]
}
