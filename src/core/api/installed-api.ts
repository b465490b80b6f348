import { z } from 'zod'
import { appNameShape, appVersionShape, channelShape } from '../app/manifest.ts'
import { RELEASE_LIMITS } from '../app/release.ts'
import { releaseInfoShape } from './catalogue-api.ts'
import { defineRoute } from './route.ts'
import { logLinesShape, msShape, nameShape, userShape } from './shapes.ts'

/** One thing an app asks for. */
const capabilityLineShape = z.object({
  key: z.string().max(300),
  /** "may …" */
  says: z.string().max(600),
  isSensitive: z.boolean(),
  /** The app that is installed has it. */
  isGranted: z.boolean(),
})

/** An app from elsewhere that is installed at an endpoint. */
export const installedShape = z.object({
  provider: userShape,
  name: appNameShape,
  version: appVersionShape,
  channel: channelShape,
  description: z.string().max(512),
  hash: z.string().max(64),
  /** Of its publisher, as it was at the first install. */
  publicKey: z.string().max(64),
  installedAtMs: msShape,
  /** `waiting`: it crashed, and is started again in a while. `failed`: it is not, until somebody does. */
  state: z.enum(['running', 'starting', 'waiting', 'failed', 'stopped', 'disabled']),
  error: z.string().optional(),
  pid: z.number().optional(),
  restartCount: z.number(),
  /** What `rollback` would bring back. */
  previous: appVersionShape.optional(),
  asks: z.array(capabilityLineShape),
  /** Limits of its process. */
  memoryMb: z.number(),
  cpuPercent: z.number(),
  hasPage: z.boolean(),
})
/** An app from elsewhere that is installed at an endpoint. */
export type InstalledInfo = z.output<typeof installedShape>

/** The apps of an endpoint: those that ship with it, and those from elsewhere. */
export const appListShape = z.object({
  apps: z.array(
    z.object({
      name: z.string(),
      isBuiltin: z.boolean(),
      isRunning: z.boolean(),
      installed: installedShape.optional(),
    }),
  ),
})

/** What an install would do, for the person who decides. It was checked as far as it can be before the bytes are there. */
export const offerShape = z.object({
  release: releaseInfoShape,
  asks: z.array(capabilityLineShape),
  /** Installed now. */
  installed: appVersionShape.optional(),
  /** The key is not the one of the first install. */
  isNewKey: z.boolean(),
  /** A higher version was installed here before. */
  isOlder: z.boolean(),
})
/** What an install would do. */
export type InstallOffer = z.output<typeof offerShape>

/** How far an install or update is; of one that is not going on all is 0. */
export const installProgressShape = z.object({
  receivedBytes: z.number(),
  /** Of the package. */
  sizeBytes: z.number(),
})
/** How far an install or update is. */
export type InstallProgress = z.output<typeof installProgressShape>

const wishShape = z.string().max(64)

const bodies = {
  install: z.strictObject({
    /** What stands after `@`: version, range or channel. Else the channel it follows, or `stable`. */
    wish: wishShape.optional(),
    /** Of the offer that was consented to: nothing else is installed. */
    hash: z.string().max(64),
    /** Keys of what it is given. */
    grants: z.array(z.string().max(300)).max(512),
    isNewKeyMeant: z.boolean().default(false),
    isOlderMeant: z.boolean().default(false),
    isStarted: z.boolean().default(true),
  }),
  change: z.strictObject({ isRunning: z.boolean().optional(), isDisabled: z.boolean().optional() }),
  publish: z.strictObject({
    /** On the endpoint where it is published, from its root. */
    folder: z.string().min(1).max(4_096),
    channel: channelShape.default('stable'),
    /** Must be that of `app.json`, if given. */
    version: appVersionShape.optional(),
    users: z.array(z.union([userShape, z.literal('*')])).max(RELEASE_LIMITS.readers),
    groups: z.array(nameShape).max(RELEASE_LIMITS.readers),
    isNewKey: z.boolean().default(false),
  }),
}

const REMOTE = ['denied', 'unsupported', 'offline', 'timed-out'] as const
const MANAGED = [...REMOTE, 'not-found'] as const

/** The same routes below two roots: of this endpoint, among peers; and of any endpoint of one's own, at the agent. */
function installedRoutesBelow<P extends z.ZodRawShape>(base: string, place: z.ZodObject<P>) {
  const params = place.extend({ provider: userShape, app: appNameShape })
  const path = `${base}/installed/{provider}/{app}` as const
  return {
    showInstalled: defineRoute({
      method: 'GET',
      path,
      summary: 'Show an installed app',
      params,
      response: installedShape,
      errors: MANAGED,
    }),
    offerInstall: defineRoute({
      method: 'GET',
      path: `${path}/offer`,
      summary: 'Show what an install or update would do, and what the app asks for',
      params,
      query: z.object({ wish: wishShape.optional() }),
      response: offerShape,
      errors: [...MANAGED, 'not-trusted', 'bad-input'],
    }),
    installApp: defineRoute({
      method: 'PUT',
      path,
      summary: 'Install or update an app: fetch it, check it, write it, start it',
      params,
      body: bodies.install,
      response: installedShape,
      errors: [...MANAGED, 'not-trusted', 'conflict', 'bad-input', 'too-many', 'storage-full'],
    }),
    showInstallProgress: defineRoute({
      method: 'GET',
      path: `${path}/progress`,
      summary: 'Show how much of an app that is being installed was fetched',
      params,
      response: installProgressShape,
      errors: REMOTE,
    }),
    changeInstalled: defineRoute({
      method: 'PATCH',
      path,
      summary: 'Start, stop, disable or enable an installed app',
      params,
      body: bodies.change,
      response: installedShape,
      errors: [...MANAGED, 'not-trusted', 'conflict'],
    }),
    rollBack: defineRoute({
      method: 'POST',
      path: `${path}/rollback`,
      summary: 'Go back to the version that was installed before',
      params,
      response: installedShape,
      errors: [...MANAGED, 'not-trusted'],
    }),
    eraseInstalled: defineRoute({
      method: 'DELETE',
      path,
      summary: 'Erase an installed app, and what it kept unless that is wanted',
      params,
      query: z.object({ data: z.enum(['keep', 'erase']).default('erase') }),
      errors: MANAGED,
    }),
    showInstalledLog: defineRoute({
      method: 'GET',
      path: `${path}/log`,
      summary: 'The last lines that an installed app logged',
      params,
      query: z.object({
        sinceMs: z.coerce.number().optional(),
        level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
        limit: z.coerce.number().int().min(1).max(1_000).default(200),
      }),
      response: logLinesShape,
      errors: MANAGED,
    }),
  } as const
}

/** Of what is published from there. */
function publishedRoutesBelow<P extends z.ZodRawShape>(base: string, place: z.ZodObject<P>) {
  const params = place.extend({ provider: userShape, app: appNameShape })
  return {
    publishApp: defineRoute({
      method: 'POST',
      path: `${base}/published`,
      summary: 'Publish the app in a folder of the endpoint',
      params: place,
      body: bodies.publish,
      response: releaseInfoShape,
      errors: [...REMOTE, 'not-found', 'bad-input', 'conflict', 'too-large', 'too-many'],
    }),
    unpublishApp: defineRoute({
      method: 'DELETE',
      path: `${base}/published/{provider}/{app}`,
      summary: 'Take releases of an app back',
      params,
      query: z.object({ version: appVersionShape.optional(), channel: channelShape.optional() }),
      response: z.object({ count: z.number() }),
      errors: MANAGED,
    }),
  } as const
}

/** Management of apps from elsewhere among endpoints of one user; part of `PEER_API`. */
export const PEER_INSTALLED_ROUTES = {
  ...installedRoutesBelow('/api', z.object({})),
  ...publishedRoutesBelow('/api', z.object({})),
}

const AT_ENDPOINT = '/api/meshes/{mesh}/endpoints/{endpoint}'
const meshParams = z.object({ mesh: nameShape })
const endpointParams = meshParams.extend({ endpoint: z.string().min(1).max(64) })

/** Apps from elsewhere, at the agent's local API; part of `AGENT_API`. */
export const AGENT_INSTALLED_ROUTES = {
  ...installedRoutesBelow(AT_ENDPOINT, endpointParams),
  ...publishedRoutesBelow(AT_ENDPOINT, endpointParams),
  listReleases: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/releases',
    summary: 'List the apps that may be installed',
    params: meshParams,
    query: z.object({
      provider: userShape.optional(),
      limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
      offset: z.coerce.number().int().min(0).default(0),
    }),
    response: z.object({ releases: z.array(releaseInfoShape), total: z.number() }),
    errors: ['not-joined', 'offline'],
  }),
  showReleases: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/releases/{provider}/{app}',
    summary: 'Show all releases of an app',
    params: meshParams.extend({ provider: userShape, app: appNameShape }),
    response: z.object({ releases: z.array(releaseInfoShape) }),
    errors: ['not-joined', 'not-found', 'offline'],
  }),
  openAppPage: defineRoute({
    method: 'POST',
    path: '/api/meshes/{mesh}/page-links/{provider}/{app}',
    summary: "Make a link that opens an app's own web page, once",
    params: meshParams.extend({ provider: userShape, app: appNameShape }),
    /** A page in a frame of the agent's own web page, and in no other; else one in a tab, and in no frame. */
    query: z.object({ in: z.enum(['tab', 'frame']).default('tab') }),
    response: z.object({ url: z.string() }),
    errors: ['not-joined', 'not-found', 'offline', 'unsupported'],
  }),
  showPublisher: defineRoute({
    method: 'GET',
    path: '/api/publisher',
    summary: "Show the publisher's key of this computer; without one there is none yet",
    response: z.object({ publicKey: z.string().optional() }),
    errors: ['unsupported'],
  }),
  exportPublisher: defineRoute({
    method: 'POST',
    path: '/api/publisher/export',
    summary: "Give the publisher's private key, for another computer of the same person (unix socket only)",
    response: z.object({ privateKey: z.string() }),
    errors: ['denied', 'not-found', 'unsupported'],
  }),
  importPublisher: defineRoute({
    method: 'PUT',
    path: '/api/publisher',
    summary: "Keep a publisher's key of another computer (unix socket only)",
    body: z.strictObject({ privateKey: z.string().max(4_096), isReplacing: z.boolean().default(false) }),
    response: z.object({ publicKey: z.string() }),
    errors: ['denied', 'bad-input', 'conflict', 'unsupported'],
  }),
} as const
