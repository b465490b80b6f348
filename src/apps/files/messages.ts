import { z } from 'zod'
import { defineRoute } from '../../core/api/route.ts'
import { endpointIdShape, errorShape, msShape, nameShape, userShape } from '../../core/api/shapes.ts'

/** SHA-256 of a manifest, as hex: it names the content. */
export const contentShape = z.string().regex(/^[0-9a-f]{64}$/, 'not the hash of a content')
/** A path below a user's place; the app checks it further. */
const pathShape = z.string().max(4_096)

/** Who may see and fetch it beside its owner; nobody by default. */
export const fileAccessShape = z.strictObject({
  users: z.array(userShape).max(1_000).default([]),
  /** Groups of the controller. */
  groups: z.array(nameShape).max(1_000).default([]),
  /** Every member of the mesh. */
  everyone: z.boolean().default(false),
})

const tagsShape = z.array(nameShape).max(32)

/** Something that was published: a file or a tree, with who may see it. */
export const itemShape = z.strictObject({
  owner: userShape,
  /** Below its owner's place: `docs/report.pdf`. */
  name: pathShape.min(1),
  kind: z.enum(['file', 'tree']),
  content: contentShape,
  manifestBytes: z.int().min(1),
  sizeBytes: z.int().min(0),
  fileCount: z.int().min(0),
  tags: tagsShape,
  publishedAtMs: msShape,
  /** When the content was last changed. */
  modifiedAtMs: z.number(),
  /** One more whenever it is published again or shared otherwise. */
  serial: z.int().min(1),
  /** Who published it: the endpoint that says who may have it. */
  origin: endpointIdShape,
  access: fileAccessShape,
})
/** Something that was published. */
export type Item = z.output<typeof itemShape>

/** A content that was published under a name, now or before, and is kept. */
export const versionShape = z.strictObject({
  /** The item's number at that time. */
  serial: z.int().min(1),
  kind: z.enum(['file', 'tree']),
  content: contentShape,
  manifestBytes: z.int().min(1),
  sizeBytes: z.int().min(0),
  fileCount: z.int().min(0),
  publishedAtMs: msShape,
  modifiedAtMs: z.number(),
})
/** A content that was published under a name, now or before, and is kept. */
export type FileVersion = z.output<typeof versionShape>

/** Versions of one name that may be kept beside the newest. */
export const MAX_KEPT_VERSIONS = 100

/** What is asked on a stream of files. */
export const questionShape = z.discriminatedUnion('kind', [
  /** What there is that the asker may see, page by page. */
  z.strictObject({
    kind: z.literal('list'),
    owner: userShape.optional(),
    /** Items of these names alone. */
    names: z.array(pathShape).max(100).optional(),
    /** From the item of that number on. */
    offset: z.int().min(0).default(0),
  }),
  z.strictObject({ kind: z.literal('manifest'), content: contentShape }),
  /** What is kept of an item; asked of who published it. */
  z.strictObject({ kind: z.literal('versions'), owner: userShape, name: pathShape }),
])
/** What is asked on a stream of files. */
export type Question = z.input<typeof questionShape>

/** The answer to a question. */
export const answerShape = z.union([
  z.strictObject({
    isGood: z.literal(true),
    items: z.array(itemShape).max(500).optional(),
    /** There are more from here on. */
    nextOffset: z.int().optional(),
    /** The newest first. */
    versions: z
      .array(versionShape)
      .max(MAX_KEPT_VERSIONS + 1)
      .optional(),
    /** The manifest follows, so long. */
    manifestBytes: z.int().min(1).optional(),
  }),
  z.strictObject({ isGood: z.literal(false), error: errorShape }),
])
/** The answer to a question. */
export type FilesAnswer = z.output<typeof answerShape>

/** An endpoint that has something. */
export const holderShape = z.object({ endpoint: endpointIdShape, name: nameShape, user: userShape })
/** An endpoint that has something. */
export type HolderInfo = z.output<typeof holderShape>

/** Something found in the mesh, with who has it now. */
export const foundShape = z.object({
  path: z.string(),
  ...itemShape.shape,
  holders: z.array(holderShape),
})
/** Something found in the mesh. */
export type FoundItem = z.output<typeof foundShape>

/** An endpoint that was asked, and has not answered. */
export const unansweredShape = z.object({ ...holderShape.shape, reason: z.string() })

/** Something in a tree. */
export const insideShape = z.object({
  path: z.string(),
  kind: z.enum(['file', 'folder', 'link']),
  sizeBytes: z.number(),
  mode: z.number(),
  modifiedAtMs: z.number(),
  target: z.string().optional(),
})
/** Something in a tree. */
export type InsideEntry = z.output<typeof insideShape>

/** Something published or held at an endpoint. */
export const heldShape = z.object({
  path: z.string(),
  ...itemShape.shape,
  /** Where it is on that computer. */
  source: z.string(),
  /** Another endpoint published it. */
  isCopy: z.boolean(),
  /** How many versions before this one are kept. */
  keepCount: z.number().optional(),
  /** Why it cannot be had now: it is gone from the disk, say. */
  error: z.string().optional(),
})
/** Something published or held at an endpoint. */
export type HeldInfo = z.output<typeof heldShape>

/** A publication or download that runs, or did. */
export const jobShape = z.object({
  id: z.string(),
  kind: z.enum(['publish', 'download']),
  path: z.string(),
  /** On the disk of that computer. */
  file: z.string(),
  state: z.enum(['waiting', 'running', 'paused', 'done', 'failed', 'cancelled']),
  doneBytes: z.number(),
  totalBytes: z.number(),
  /** Of the bytes that are done: those that were there before. */
  keptBytes: z.number(),
  doneFiles: z.number(),
  totalFiles: z.number(),
  startedAtMs: msShape,
  endedAtMs: msShape.optional(),
  /** Whom it is fetched from, and what each gave. */
  holders: z.array(z.object({ ...holderShape.shape, bytes: z.number(), note: z.string().optional() })),
  /** What was left out: devices, links that lead out. */
  skipped: z.array(z.string()),
  error: errorShape.optional(),
})
/** A publication or download. */
export type JobInfo = z.output<typeof jobShape>

/** How long who asks about a job may wait for its end. */
export const MAX_JOB_WAIT_MS = 10_000

const params = z.object({ endpoint: z.string().min(1).max(64) })
const jobParams = z.object({ ...params.shape, job: z.string().regex(/^[0-9a-f]{16}$/) })
const errors = ['not-found', 'denied', 'offline', 'bad-name', 'conflict', 'too-many', 'storage-full'] as const

/** The files app's API, below `/api/meshes/{mesh}/apps/ztm/files`. */
export const FILES_API = {
  findFiles: defineRoute({
    method: 'GET',
    path: '/api/files',
    summary: 'Find what is published in the mesh',
    query: z.object({
      /** A place; everything below it. */
      path: pathShape.optional(),
      pattern: z.string().max(256).optional(),
      tag: nameShape.optional(),
      owner: userShape.optional(),
    }),
    response: z.object({ items: z.array(foundShape), unanswered: z.array(unansweredShape) }),
    errors: ['bad-name', 'offline'],
  }),
  listInside: defineRoute({
    method: 'GET',
    path: '/api/inside',
    summary: 'List what is in a published tree',
    query: z.object({ path: pathShape, offset: z.coerce.number().int().min(0).default(0) }),
    response: z.object({
      item: foundShape,
      entries: z.array(insideShape),
      total: z.number(),
    }),
    errors,
  }),
  listVersions: defineRoute({
    method: 'GET',
    path: '/api/versions',
    summary: 'List the versions of something published that are kept',
    query: z.object({ path: pathShape }),
    response: z.object({ path: z.string(), versions: z.array(versionShape) }),
    errors,
  }),
  listHeld: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/files',
    summary: 'List what an endpoint has published or holds',
    params,
    response: z.object({ items: z.array(heldShape) }),
    errors,
  }),
  publish: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/files',
    summary: 'Publish a file or folder of an endpoint',
    params,
    body: z.strictObject({
      /** On the disk of that computer: absolute, or below its user's home. */
      source: z.string().min(1).max(4_096),
      /** Below one's own place; the last name of the source if absent. */
      name: pathShape.min(1).optional(),
      /** As it was before if absent, if it was published before. */
      tags: tagsShape.optional(),
      access: fileAccessShape.optional(),
      /** How many versions before the newest are kept, in a copy of their own; as before if absent, at first none. */
      keepCount: z.int().min(0).max(MAX_KEPT_VERSIONS).optional(),
    }),
    response: jobShape,
    errors,
  }),
  share: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/access',
    summary: 'Change who may see what an endpoint has published',
    params,
    body: z.strictObject({ path: pathShape, access: fileAccessShape.optional(), tags: tagsShape.optional() }),
    response: heldShape,
    errors,
  }),
  withdraw: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/withdrawals',
    summary: 'Withdraw what is published, and erase it if asked to',
    params,
    body: z.strictObject({ path: pathShape, isErased: z.boolean().default(false) }),
    response: z.object({ path: z.string(), endpoints: z.array(z.string()), erased: z.array(z.string()) }),
    errors,
  }),
  confirmCopies: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/confirmations',
    summary: 'Ask the endpoints that published what is held here whether it may still be given away',
    params,
    body: z.strictObject({
      path: pathShape.optional(),
      /** The endpoint that published it says so itself. */
      isWithdrawn: z.boolean().default(false),
      /** What may not be given away any more is removed from disk too. */
      isErased: z.boolean().default(false),
    }),
    response: z.object({ droppedCount: z.number(), erased: z.array(z.string()) }),
    errors,
  }),
  download: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/downloads',
    summary: 'Fetch a published file or tree, or a part of it, to an endpoint',
    params,
    body: z.strictObject({
      path: pathShape.min(1),
      /** Where to, whole: absolute, or below the home of that computer's user. Its name in the download folder if absent. */
      file: z.string().min(1).max(4_096).optional(),
      mayReplace: z.boolean().default(false),
      /** The version of that number, instead of the newest. */
      version: z.int().min(1).optional(),
      /** Give it to others who may have it; by default if it is one's own. */
      isHeld: z.boolean().optional(),
    }),
    response: jobShape,
    errors,
  }),
  listJobs: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/jobs',
    summary: 'List publications and downloads of an endpoint',
    params,
    response: z.object({ jobs: z.array(jobShape) }),
    errors,
  }),
  showJob: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/jobs/{job}',
    summary: 'Show a publication or download',
    params: jobParams,
    /** How long the answer may wait for the end of it. */
    query: z.object({ waitMs: z.coerce.number().int().min(0).max(MAX_JOB_WAIT_MS).default(0) }),
    response: jobShape,
    errors,
  }),
  changeJob: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/jobs/{job}',
    summary: 'Pause or resume a download; what was fetched is kept',
    params: jobParams,
    body: z.strictObject({ isPaused: z.boolean() }),
    response: jobShape,
    errors: [...errors, 'unsupported'],
  }),
  cancelJob: defineRoute({
    method: 'DELETE',
    path: '/api/endpoints/{endpoint}/jobs/{job}',
    summary: 'Cancel a publication or download; what was fetched is removed',
    params: jobParams,
    response: jobShape,
    errors,
  }),
  showFilesConfig: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/config',
    summary: 'Show how an endpoint deals with files',
    params,
    response: z.object({ folder: z.string(), error: z.string().optional() }),
    errors,
  }),
  changeFilesConfig: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/config',
    summary: 'Change how an endpoint deals with files',
    params,
    /** Where downloads go that are told no place. */
    body: z.strictObject({ folder: z.string().min(1).max(4_096) }),
    response: z.object({ folder: z.string(), error: z.string().optional() }),
    errors,
  }),
} as const
