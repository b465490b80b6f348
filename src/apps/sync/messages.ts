import { z } from 'zod'
import { defineRoute } from '../../core/api/route.ts'
import { endpointIdShape, msShape, nameShape, userShape } from '../../core/api/shapes.ts'

/** A folder that others may use, beside the endpoint's own user, who may use all. */
export const grantShape = z.strictObject({
  /** Absolute, at its endpoint. */
  folder: z.string().min(1).max(3_000),
  users: z.array(userShape).max(1_000).default([]),
  /** And the members of these groups; one that is empty or gone lets nobody in. */
  groups: z.array(nameShape).max(1_000).default([]),
  /** They may change what is there, not only read it. */
  mayWrite: z.boolean().default(false),
})
/** A folder that others may use. */
export type Grant = z.output<typeof grantShape>

/** The folders of an endpoint that others may use. */
export const grantsShape = z.object({
  grants: z.array(grantShape).max(100),
  /** Why others cannot find them. */
  error: z.string().optional(),
})
/** The folders of an endpoint that others may use. */
export type Grants = z.output<typeof grantsShape>

const mirrorName = nameShape

/** Where the other side of a mirror is. */
const mirrorPlaceShape = z.strictObject({
  /** Name or id; this endpoint itself if absent. */
  endpoint: z.string().min(1).max(64).optional(),
  /** Whose it is; one's own if absent. */
  user: userShape.optional(),
  path: z.string().min(1).max(1_500),
})

/** Which way changes go, as the endpoint that keeps a mirror sees it: `upload` from its folder to the other, `download` from there. */
export const mirrorDirectionShape = z.enum(['both', 'upload', 'download'])
/** Which way changes go. */
export type MirrorDirection = z.output<typeof mirrorDirectionShape>

/** Two folders that are kept equal, by the endpoint of the first. */
export const mirrorTermsShape = z.strictObject({
  name: mirrorName,
  /** Absolute, at the endpoint that keeps it. */
  folder: z.string().min(1).max(1_500),
  to: mirrorPlaceShape,
  /** What is not mirrored, beside what the folder's own `.ztmignore` says. */
  ignores: z.array(z.string().max(1_000)).max(100).default([]),
  bytesPerSecond: z.number().positive().optional(),
  /** One way, nothing is ever done to the folder that changes come from. */
  direction: mirrorDirectionShape.default('both'),
})

/** A mirror, as it is kept. */
export const mirrorRecordShape = mirrorTermsShape.extend({
  version: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  isPaused: z.boolean(),
  /** Both folders have its mark. */
  isMarked: z.boolean(),
  /** Which endpoint the name of the other side meant when the mirror began: it stays that, whatever gets the name. */
  peer: endpointIdShape.optional(),
})
/** A mirror, as it is kept. */
export type MirrorRecord = z.output<typeof mirrorRecordShape>

/** What a mirror does. `waiting` for the other side, `failed` until somebody does something, though it tries again. */
export const mirrorStateShape = z.enum([
  'starting',
  'connecting',
  'syncing',
  'in sync',
  'in sync but for problems',
  'waiting',
  'failed',
  'paused',
])
/** What a mirror does. */
export type MirrorState = z.output<typeof mirrorStateShape>

/** Something in a mirror that cannot be made equal. */
export const mirrorProblemShape = z.object({
  path: z.string(),
  message: z.string(),
  /** Trying again does not help. */
  isLasting: z.boolean(),
  /** Something else is there than was looked at: it is looked at again at once. */
  isStale: z.boolean().optional(),
})
/** Something in a mirror that cannot be made equal. */
export type MirrorProblem = z.output<typeof mirrorProblemShape>

/** A mirror, as its user sees it. */
export const mirrorShape = z.object({
  ...mirrorTermsShape.shape,
  state: mirrorStateShape,
  leftCount: z.number(),
  /** Paths that differ and stay so, as changes go one way. */
  apartCount: z.number().default(0),
  sentBytes: z.number(),
  inSyncAtMs: msShape.optional(),
  error: z.string().optional(),
  problems: z.array(mirrorProblemShape),
  /** Copies that were made as both sides had changed a file, newest last. */
  conflicts: z.array(z.string()),
})
/** A mirror, as its user sees it. */
export type MirrorInfo = z.output<typeof mirrorShape>

const mirrorParams = z.object({ endpoint: z.string().min(1).max(64), mirror: mirrorName })

const params = z.object({ endpoint: z.string().min(1).max(64) })

/** The sync app's API, below `/api/meshes/{mesh}/apps/ztm/sync`; copies are streams. */
export const SYNC_API = {
  listGrants: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/grants',
    summary: 'List the folders of an endpoint that others may use',
    params,
    response: grantsShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  putGrant: defineRoute({
    method: 'PUT',
    path: '/api/endpoints/{endpoint}/grants',
    summary: 'Let others use a folder of an endpoint, or change who may',
    params,
    body: grantShape,
    response: grantsShape,
    errors: ['not-found', 'denied', 'offline', 'too-many', 'bad-name', 'not-permitted'],
  }),
  deleteGrant: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/grants/delete',
    summary: 'Let nobody else use a folder any more',
    params,
    body: z.strictObject({ folder: z.string().min(1).max(3_000) }),
    response: grantsShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  listMirrors: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/mirrors',
    summary: 'List the mirrors that an endpoint keeps',
    params,
    response: z.object({ mirrors: z.array(mirrorShape) }),
    errors: ['not-found', 'denied', 'offline'],
  }),
  createMirror: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/mirrors',
    summary: 'Keep a folder of an endpoint and one elsewhere equal',
    params,
    body: mirrorTermsShape,
    response: mirrorShape,
    errors: ['not-found', 'denied', 'offline', 'conflict', 'too-many', 'bad-name', 'not-permitted'],
  }),
  changeMirror: defineRoute({
    method: 'PATCH',
    path: '/api/endpoints/{endpoint}/mirrors/{mirror}',
    summary: 'Pause a mirror, let it go on, or change its limit or which way changes go',
    params: mirrorParams,
    body: z.strictObject({
      isPaused: z.boolean().optional(),
      /** Null takes it away. */
      bytesPerSecond: z.number().positive().nullable().optional(),
      direction: mirrorDirectionShape.optional(),
    }),
    response: mirrorShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  deleteMirror: defineRoute({
    method: 'DELETE',
    path: '/api/endpoints/{endpoint}/mirrors/{mirror}',
    summary: 'End a mirror; both folders stay as they are',
    params: mirrorParams,
    errors: ['not-found', 'denied', 'offline'],
  }),
} as const
