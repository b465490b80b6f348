import type { MirrorProblem, MirrorState } from './messages.ts'

/** What is known of a mirror that runs. */
export interface MirrorProgress {
  state: MirrorState
  /** Files, folders and links that are to be dealt with. */
  leftCount: number
  /** Paths that differ and stay so, as changes go one way. */
  apartCount: number
  sentBytes: number
  /** When both sides were last found to be equal. */
  inSyncAtMs: number | undefined
  /** Why it cannot go on now. */
  error: string | undefined
  problems: MirrorProblem[]
  /** Copies that were made as both sides had changed a file, newest last. */
  conflicts: string[]
}

/** How a mirror stands that has not begun. */
export function newProgress(): MirrorProgress {
  return {
    state: 'starting',
    leftCount: 0,
    apartCount: 0,
    sentBytes: 0,
    inSyncAtMs: undefined,
    error: undefined,
    problems: [],
    conflicts: [],
  }
}
