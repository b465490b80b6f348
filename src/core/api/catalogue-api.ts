import { z } from 'zod'
import { appNameShape, appVersionShape, channelShape } from '../app/manifest.ts'
import { listedReleaseShape, releaseShape } from '../app/release.ts'
import { defineRoute } from './route.ts'
import { msShape, userShape } from './shapes.ts'

const appParams = z.object({ provider: userShape, app: appNameShape })

/** A release, for lists: without what only an installer needs. What it says of itself is not checked by anybody yet. */
export const releaseInfoShape = z.object({
  provider: userShape,
  name: appNameShape,
  version: appVersionShape,
  channel: channelShape,
  description: z.string().max(512),
  hash: z.string().max(64),
  sizeBytes: z.number(),
  publicKey: z.string().max(64),
  publishedAtMs: msShape,
  isWithdrawn: z.boolean(),
})
/** A release, for lists. */
export type ReleaseInfo = z.output<typeof releaseInfoShape>

/** The catalogue of apps, as the controller keeps it; part of `CONTROLLER_API`. */
export const CATALOGUE_ROUTES = {
  listReleases: defineRoute({
    method: 'GET',
    path: '/api/releases',
    summary: 'List the apps that the caller may install: the newest release of each in each channel',
    query: z.object({
      provider: userShape.optional(),
      limit: z.coerce.number().int().min(1).max(1_000).default(200),
      offset: z.coerce.number().int().min(0).default(0),
    }),
    response: z.object({ releases: z.array(releaseInfoShape), total: z.number() }),
  }),
  showReleases: defineRoute({
    method: 'GET',
    path: '/api/releases/{provider}/{app}',
    summary: 'Show the releases of one app as they were signed',
    params: appParams,
    response: z.object({ releases: z.array(listedReleaseShape) }),
    errors: ['not-found'],
  }),
  publishRelease: defineRoute({
    method: 'POST',
    path: '/api/releases/{provider}/{app}',
    summary: 'Publish a version of an app (its provider)',
    params: appParams,
    body: z.strictObject({
      release: releaseShape,
      /** Another key than that of the releases before is meant. */
      isNewKey: z.boolean().default(false),
    }),
    response: listedReleaseShape,
    errors: ['denied', 'not-trusted', 'conflict', 'too-many', 'bad-input'],
  }),
  withdrawRelease: defineRoute({
    method: 'DELETE',
    path: '/api/releases/{provider}/{app}',
    summary:
      'Take releases of an app back (its provider, or an administrator); their versions are never used again',
    params: appParams,
    query: z.object({
      /** All versions if absent. */
      version: appVersionShape.optional(),
      /** All channels if absent. */
      channel: channelShape.optional(),
    }),
    response: z.object({ count: z.number() }),
    errors: ['denied', 'not-found'],
  }),
} as const
