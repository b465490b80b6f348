import { isAbsolute } from 'node:path'
import type { ReleaseInfo } from '../../core/api/catalogue-api.ts'
import { describeRelease } from '../../core/api/describe-release.ts'
import { CONTROLLER_API } from '../../core/api/hub-api.ts'
import type { AppRef, AppVersion } from '../../core/app/manifest.ts'
import { readPackage } from '../../core/app/package-archive.ts'
import type { ReleaseBody } from '../../core/app/release.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { MeshId } from '../../core/model/ids.ts'
import type { UserName } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import type { Clock } from '../../core/model/time.ts'
import { openPublisherKey } from '../../pki/publisher-key.ts'
import type { SecretFolder } from '../../pki/secret-folder.ts'
import { hashPackage, packFolder } from '../../store/package-folder.ts'
import type { HubLink } from '../hub-link.ts'
import type { InstalledRecords } from './installed-records.ts'
import type { PackageShelf } from './package-shelf.ts'

/** What publishing needs of its membership. */
export interface PublishingOptions {
  readonly mesh: MeshId
  readonly user: UserName
  readonly secrets: SecretFolder
  readonly link: Pick<HubLink, 'call'>
  readonly records: InstalledRecords
  readonly shelf: PackageShelf
  /** Give what is held, and no more. */
  readonly settle: () => Promise<void>
  readonly clock: Clock
}

/** What is published, and for whom. */
export interface PublishWish {
  readonly folder: string
  readonly channel: string
  readonly version?: AppVersion | undefined
  readonly users: ReleaseBody['users']
  readonly groups: readonly string[]
  readonly isNewKey: boolean
}

/**
 * Publish the app of a folder as this endpoint's user, and give it to whoever may have it from now on.
 *
 * @throws MeshError `bad-input` for a folder that is no app, or has another version; as `packFolder`; what the controller says
 */
export async function publishApp(options: PublishingOptions, wish: PublishWish): Promise<ReleaseInfo> {
  const { mesh, user, shelf, records, link, clock } = options
  if (!isAbsolute(wish.folder))
    throw new MeshError('bad-input', `Cannot publish ${quote(wish.folder)}: write the path from the root`)
  const archive = await packFolder(wish.folder)
  const { manifest, manifestText } = readPackage(archive)
  const { name, version } = manifest
  if (wish.version !== undefined && wish.version !== version)
    throw new MeshError('bad-input', `Cannot publish ${name} ${wish.version}: its app.json says ${version}`)
  const key = await openPublisherKey(options.secrets)
  const release = key.sign({
    mesh,
    provider: user,
    name,
    version,
    channel: wish.channel,
    hash: hashPackage(archive),
    sizeBytes: archive.length,
    manifestText,
    users: [...wish.users],
    groups: [...wish.groups],
    publishedAtMs: clock.now(),
  })
  const published = await records.published()
  // On the shelf before anybody hears of it; what the controller refuses is thrown away again.
  await shelf.keep(release.hash, archive)
  try {
    const params = { provider: user, app: name }
    await link.call(CONTROLLER_API.publishRelease, { params, body: { release, isNewKey: wish.isNewKey } })
    await records.putPublished({ recordVersion: 1, release })
    const oldest = published.sort((a, b) => b.release.publishedAtMs - a.release.publishedAtMs)
    for (const record of oldest.slice(MAX_PUBLISHED - 1)) await records.deletePublished(record)
  } finally {
    await options.settle()
  }
  return describeRelease(release)
}

/**
 * Take releases back: of others as an administrator, of one's own as their provider, which then are given no more from here.
 *
 * @throws MeshError what the controller says
 */
export async function unpublishApp(
  { user, link, records, settle }: PublishingOptions,
  app: AppRef,
  which: { version?: AppVersion | undefined; channel?: string | undefined },
): Promise<{ count: number }> {
  const { version, channel } = which
  const params = { provider: app.provider, app: app.name }
  const query = { ...(version && { version }), ...(channel && { channel }) }
  const answer = await link.call(CONTROLLER_API.withdrawRelease, { params, query })
  if (app.provider !== user) return answer
  for (const record of await records.published()) {
    const { release } = record
    const isMeant = release.name === app.name && (version ?? release.version) === release.version
    if (isMeant && (channel ?? release.channel) === release.channel) await records.deletePublished(record)
  }
  await settle()
  return answer
}

/** Releases that one endpoint gives as their publisher; the oldest are given by others alone, or by nobody. */
export const MAX_PUBLISHED = 200
