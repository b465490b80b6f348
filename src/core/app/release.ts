import { compare, prerelease, satisfies, validRange } from 'semver'
import { z } from 'zod'
import { MeshError, toMeshError } from '../model/errors.ts'
import { parseName, parseUserName, type UserName } from '../model/names.ts'
import { quote } from '../model/quote.ts'
import {
  type AppRef,
  type AppVersion,
  appNameShape,
  appVersionShape,
  channelShape,
  DEFAULT_CHANNEL,
  MANIFEST_LIMITS,
  type Manifest,
  parseAppRef,
  parseManifest,
} from './manifest.ts'
import { PACKAGE_LIMITS } from './package-archive.ts'

/** How much the catalogue of a mesh may hold. Counts. */
export const RELEASE_LIMITS = {
  /** Users, and groups, that one release may be kept to. */
  readers: 100,
  /** Of one app in one channel; the oldest make room. */
  perChannel: 20,
  channelsPerApp: 8,
  appsPerUser: 50,
  /** Of all apps in one mesh. */
  perMesh: 5_000,
} as const

const textOf = (check: (text: string) => string) =>
  z
    .string()
    .max(256)
    .refine(text => {
      try {
        return check(text) === text
      } catch (thrown) {
        return toMeshError(thrown) === undefined
      }
    }, 'not a name')

const userText = textOf(parseUserName) as unknown as z.ZodType<UserName, string>

/** What a publisher signs: everything that decides whether, and as what, a package is run. */
export const releaseBodyShape = z.strictObject({
  /** Id of the mesh: a release of one mesh means nothing in another. */
  mesh: z.string().min(1).max(64),
  provider: userText,
  name: appNameShape,
  version: appVersionShape,
  channel: channelShape,
  /** SHA-256 of the package, 64 hex digits. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: z.int().min(1).max(PACKAGE_LIMITS.archiveBytes),
  /** The very text of `app.json`. */
  manifestText: z.string().max(MANIFEST_LIMITS.bytes),
  /** Who may see and fetch it; `*` is every member. Its provider always may. */
  users: z.array(z.union([userText, z.literal('*')])).max(RELEASE_LIMITS.readers),
  groups: z.array(textOf(text => parseName(text, 'group'))).max(RELEASE_LIMITS.readers),
  publishedAtMs: z.int().nonnegative(),
})

/** What a publisher signs. */
export type ReleaseBody = z.output<typeof releaseBodyShape>

/** A release as it travels: the body, the publisher's key and the signature. */
export const releaseShape = releaseBodyShape.extend({
  /** Ed25519 public key, 32 bytes, base64url. */
  publicKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  /** Ed25519 signature over `signedText`, 64 bytes, base64url. */
  signature: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
})

/** A release as it travels. */
export type Release = z.output<typeof releaseShape>

/** A release in the catalogue. */
export const listedReleaseShape = releaseShape.extend({
  /** Its publisher took it back: it is given to nobody who does not ask for just this version. */
  isWithdrawn: z.boolean(),
})
/** A release in the catalogue. */
export type ListedRelease = z.output<typeof listedReleaseShape>

/**
 * The text that is signed: a first line for this use of the key alone, and the members as one JSON list in a fixed order.
 *
 * @see docs/protocol.md, "Packages"
 */
export function signedText(body: ReleaseBody): string {
  const { mesh, provider, name, version, channel, hash, sizeBytes } = body
  const { manifestText, users, groups, publishedAtMs } = body
  const members = [
    mesh,
    provider,
    name,
    version,
    channel,
    hash,
    sizeBytes,
    manifestText,
    users,
    groups,
    publishedAtMs,
  ]
  return `ztm app release 1\n${JSON.stringify(members)}`
}

/**
 * The manifest of a release, if it is that of the app and version that the release says.
 *
 * @throws MeshError `bad-input` if the text is no manifest; `not-trusted` if it is another app's or version's
 */
export function manifestOf(release: Pick<ReleaseBody, 'manifestText' | 'name' | 'version'>): Manifest {
  const manifest = parseManifest(new TextEncoder().encode(release.manifestText))
  if (manifest.name === release.name && manifest.version === release.version) return manifest
  throw new MeshError(
    'not-trusted',
    `Cannot use release ${release.name} ${release.version}: its manifest is that of ${manifest.name} ${manifest.version}`,
  )
}

/**
 * Whether `next` may be added to what was published of the same app before.
 *
 * Within a channel versions only rise, and a version is one hash for ever, whatever its channel. So nothing that was
 * published once comes back as something else.
 *
 * @param before  all releases of the same app, withdrawn ones too
 * @throws MeshError `conflict` with what to do instead; `too-many`
 */
export function checkNext(before: readonly ListedRelease[], next: ReleaseBody): void {
  const action = `Cannot publish ${next.name} ${next.version}`
  const same = before.find(({ version }) => version === next.version)
  if (same !== undefined && same.hash !== next.hash)
    throw new MeshError(
      'conflict',
      `${action}: that version is out with other files: raise "version" in app.json`,
    )
  const inChannel = before.filter(({ channel }) => channel === next.channel)
  const highest = highestOf(inChannel)
  if (highest !== undefined && compare(next.version, highest.version) <= 0)
    throw new MeshError(
      'conflict',
      `${action}: ${highest.version} is out in channel ${next.channel}: raise "version" in app.json`,
    )
  const channels = new Set(before.map(({ channel }) => channel)).add(next.channel)
  if (channels.size > RELEASE_LIMITS.channelsPerApp)
    throw new MeshError('too-many', `${action}: at most ${RELEASE_LIMITS.channelsPerApp} channels an app`)
}

/** What a person means by `alice/notes`, `alice/notes@1.2.3`, `alice/notes@^1.2`, `alice/notes@beta`. */
export interface WantedApp extends AppRef {
  /** A version or range of them; any if absent. */
  readonly range?: string
  readonly channel?: string
}

/** Read it. @throws MeshError `bad-name`, `bad-input` */
export function parseWantedApp(text: string): WantedApp {
  const at = text.indexOf('@')
  if (at === -1) return parseAppRef(text)
  const [ref, wish] = [parseAppRef(text.slice(0, at)), text.slice(at + 1)]
  if (channelShape.safeParse(wish).success) return { ...ref, channel: wish }
  if (wish.length <= MANIFEST_LIMITS.versionLength && wish !== '' && validRange(wish) !== null)
    return { ...ref, range: wish }
  throw new MeshError(
    'bad-input',
    `Cannot use ${quote(wish)}: write a version, a range like ^1.2, or a channel`,
  )
}

/**
 * The release that a wish means: the highest of its channel (`stable` where neither channel nor range is said) that is not
 * withdrawn; one that is only if just its version is asked for.
 *
 * @throws MeshError `not-found` with what there is
 */
export function chooseRelease(
  releases: readonly ListedRelease[],
  wish: Omit<WantedApp, 'provider' | 'name'>,
): ListedRelease {
  const { range, channel } = wish
  const inChannel = releases.filter(
    release =>
      channel === release.channel ||
      (channel === undefined && (range !== undefined || release.channel === DEFAULT_CHANNEL)),
  )
  const includePrerelease = channel !== undefined || prerelease(range ?? '') !== null
  const fitting = inChannel.filter(
    ({ version, isWithdrawn }) =>
      (range === undefined || satisfies(version, range, { includePrerelease })) &&
      (!isWithdrawn || version === range),
  )
  const highest = highestOf(fitting)
  if (highest !== undefined) return highest
  const there = releases
    .filter(({ isWithdrawn }) => !isWithdrawn)
    .map(({ version, channel }) => `${version} (${channel})`)
  const help =
    there.length === 0
      ? 'nothing of it is published'
      : `there is ${[...new Set(there)].slice(0, 5).join(', ')}`
  throw new MeshError('not-found', `Cannot find ${range ?? `channel ${channel ?? DEFAULT_CHANNEL}`}: ${help}`)
}

/** Whether one version comes after another. */
export function isNewer(version: AppVersion, than: AppVersion): boolean {
  return compare(version, than) > 0
}

/** Whether a release may be seen and fetched by a member. */
export function mayRead(
  release: Pick<ReleaseBody, 'provider' | 'users' | 'groups'>,
  member: { readonly user: UserName; readonly groups: readonly string[] },
): boolean {
  const { provider, users, groups } = release
  const isNamed = users.some(user => user === '*' || user === member.user)
  return provider === member.user || isNamed || groups.some(group => member.groups.includes(group))
}

function highestOf<R extends { readonly version: AppVersion }>(releases: readonly R[]): R | undefined {
  return releases.reduce<R | undefined>(
    (best, release) => (best === undefined || compare(release.version, best.version) > 0 ? release : best),
    undefined,
  )
}
