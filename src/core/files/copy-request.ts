import { z } from 'zod'

/** A path as a person writes it, and at which endpoint. */
export interface CopyPlaceName {
  /** By name or id; this computer if absent. */
  readonly endpoint?: string | undefined
  /** Whose endpoint it is; one's own if absent. */
  readonly user?: string | undefined
  readonly path: string
}

/**
 * Read `path`, `endpoint:path` or `user@endpoint:path`. A colon after a slash is part of a path, and so is that of a drive: `C:\x`,
 * `C:/x`. `./a:b` is a file of that name.
 */
export function parseCopyPlace(text: string): CopyPlaceName {
  const [, where, path] = /^([^/\\:]+):(.*)$/su.exec(text) ?? []
  const isDrive = where?.length === 1 && /^[a-z]$/i.test(where) && /^[/\\]/.test(path ?? '')
  if (where === undefined || path === undefined || isDrive) return { path: text }
  const [, user, endpoint = where] = /^([\w.-]+)@(.+)$/su.exec(where) ?? []
  return { endpoint, ...(user !== undefined && { user }), path: path === '' ? '~' : path }
}

/** A path, and at which endpoint, as it is sent. */
export const copyPlaceShape = z.strictObject({
  endpoint: z.string().min(1).max(64).optional(),
  user: z.string().min(1).max(64).optional(),
  path: z.string().min(1).max(1_500),
})

/** What a person asks of the agent of this computer, first on a stream. */
export const copyRequestShape = z.strictObject({
  kind: z.literal('copy'),
  from: copyPlaceShape,
  to: copyPlaceShape,
  /** What is in the folder, not the folder itself. */
  isContents: z.boolean().default(false),
  /** Remove at the target what the source does not have. */
  isExact: z.boolean().default(false),
  /** Only tell what would be done. */
  isDryRun: z.boolean().default(false),
  /** Compare contents, not times. */
  isHashed: z.boolean().default(false),
  bytesPerSecond: z.number().positive().optional(),
})
/** What a person asks of the agent of this computer. */
export type CopyRequest = z.output<typeof copyRequestShape>

/** A look at what is somewhere. */
export const listRequestShape = z.strictObject({ kind: z.literal('list-files'), at: copyPlaceShape })

/** A folder to be used by a program of this computer's user: after the greeting the stream carries the frames of a tree. */
export const openTreeShape = z.strictObject({ kind: z.literal('open-tree'), at: copyPlaceShape })

/** Something to be done with one name on the disk of an endpoint. What comes of it is told as of a copy. */
export const diskChangeShape = z.discriminatedUnion('kind', [
  /** Make a folder, in one that is there. */
  z.strictObject({ kind: z.literal('make-folder'), at: copyPlaceShape }),
  /** Give a file, folder or link another name in its folder, that nothing has there. */
  z.strictObject({ kind: z.literal('rename'), at: copyPlaceShape, name: z.string().min(1).max(255) }),
  /** Remove a file, a link or an empty folder; with `isWhole`, a folder with all that is in it. */
  z.strictObject({ kind: z.literal('remove'), at: copyPlaceShape, isWhole: z.boolean().default(false) }),
])
/** Something to be done with one name on the disk of an endpoint. */
export type DiskChangeRequest = z.input<typeof diskChangeShape>

/** What the agent tells of a copy, a line of JSON each. */
export const copyEventShape = z.discriminatedUnion('event', [
  /** Both sides have been looked at. */
  z.object({ event: z.literal('planned'), fileCount: z.number(), bytes: z.number(), sameCount: z.number() }),
  /** Files are done; `sentBytes` are those that went, `doneBytes` with those that were there. */
  z.object({
    event: z.literal('progress'),
    fileCount: z.number(),
    doneBytes: z.number(),
    sentBytes: z.number(),
    path: z.string().optional(),
  }),
  /** Something was done, or with a dry run would be. */
  z.object({
    event: z.literal('done'),
    what: z.enum(['copied', 'linked', 'made', 'removed', 'changed', 'renamed']),
    path: z.string(),
    size: z.number().optional(),
  }),
  z.object({ event: z.literal('failed'), path: z.string(), code: z.string(), message: z.string() }),
  /** The connection broke; it goes on where it was. */
  z.object({ event: z.literal('waiting'), message: z.string() }),
  /** The last one. */
  z.object({
    event: z.literal('ended'),
    copiedCount: z.number(),
    sameCount: z.number(),
    removedCount: z.number(),
    failedCount: z.number(),
    bytes: z.number(),
    sentBytes: z.number(),
  }),
  /** The last one, if nothing could be done. */
  z.object({ event: z.literal('refused'), error: z.object({ code: z.string(), message: z.string() }) }),
  /** Of a list. */
  z.object({
    event: z.literal('entry'),
    name: z.string(),
    kind: z.string(),
    size: z.number().optional(),
    mtimeMs: z.number().optional(),
    mode: z.number().optional(),
    target: z.string().optional(),
  }),
])
/** What the agent tells of a copy. */
export type CopyEvent = z.output<typeof copyEventShape>
