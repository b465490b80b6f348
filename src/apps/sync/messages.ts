import { z } from 'zod'
import { defineRoute } from '../../core/api/route.ts'
import { nameShape, userShape } from '../../core/api/shapes.ts'

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
} as const
