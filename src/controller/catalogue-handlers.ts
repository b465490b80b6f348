import { compare } from 'semver'
import type { Caller } from '../core/api/caller.ts'
import type { CATALOGUE_ROUTES } from '../core/api/catalogue-api.ts'
import { describeRelease } from '../core/api/describe-release.ts'
import type { Call, Handlers } from '../core/api/route.ts'
import { SYSTEM_PROVIDER } from '../core/app/manifest.ts'
import { checkNext, type ListedRelease, mayRead, RELEASE_LIMITS } from '../core/app/release.ts'
import { MeshError } from '../core/model/errors.ts'
import type { MeshId } from '../core/model/ids.ts'
import type { UserName } from '../core/model/names.ts'
import { isIdentityUser } from '../core/model/spiffe-id.ts'
import { verifyRelease } from '../pki/publisher-key.ts'
import type { Catalogue } from './catalogue.ts'
import type { Context } from './context.ts'
import type { Decisions } from './decisions.ts'
import type { Members } from './members.ts'
import type { EndpointRecord } from './records.ts'
import type { Standing } from './standing.ts'
import type { Users } from './users.ts'

type PublishCall = Call<typeof CATALOGUE_ROUTES.publishRelease, Caller>

/**
 * Serve the catalogue of apps. It is a convenience: what runs is decided by the signature, at whoever installs. Only the
 * provider's own endpoints write under its name.
 */
export function createCatalogueHandlers(
  context: Context,
  parts: {
    catalogue: Catalogue
    members: Members
    standing: Pick<Standing, 'subjectOf'>
    decisions: Decisions
    users: Users
    mesh: MeshId
  },
): Handlers<typeof CATALOGUE_ROUTES, Caller> {
  const { clock, log, exclusive } = context
  const { catalogue, members, standing, decisions, users, mesh } = parts

  /** Those of evicted users are not shown: nobody installs them any more. */
  const visibleTo = (record: EndpointRecord) => {
    const isGone = new Map<UserName, boolean>()
    return (release: ListedRelease): boolean => {
      const { provider } = release
      if (!isGone.has(provider)) isGone.set(provider, users.isEvicted(provider, clock.now()))
      return isGone.get(provider) !== true && mayRead(release, standing.subjectOf(record))
    }
  }

  async function publish(record: EndpointRecord, { params, body }: PublishCall): Promise<ListedRelease> {
    const { release, isNewKey } = body
    const { provider, name, version, channel } = release
    const action = `Cannot publish ${provider}/${name} ${version}`
    if (provider !== params.provider || name !== params.app || release.mesh !== mesh)
      throw new MeshError('bad-input', `${action}: the release is of another app, or of another mesh`)
    if (provider !== record.user || isIdentityUser(record.user) || provider === SYSTEM_PROVIDER)
      throw new MeshError('denied', `${action}: you are ${record.user}: publish as ${record.user}/${name}`)
    verifyRelease(release)
    const before = catalogue.of(release)
    const known = before.find(one => one.channel === channel && one.version === version)
    // The same call again, after an answer that was lost.
    if (known?.signature === release.signature) return known
    checkNext(before, release)
    if (
      !isNewKey &&
      before.some(({ publicKey }) => publicKey !== release.publicKey) &&
      !isLastKey(before, release)
    )
      throw new MeshError(
        'conflict',
        `${action}: it was signed with another key before: bring that key here (\`ztm publisher import\`), or use --new-key`,
      )
    if (before.length === 0 && catalogue.appCountOf(provider) >= RELEASE_LIMITS.appsPerUser)
      throw new MeshError('too-many', `${action}: at most ${RELEASE_LIMITS.appsPerUser} apps of one user`)
    if (catalogue.size >= RELEASE_LIMITS.perMesh)
      throw new MeshError('too-many', `${action}: at most ${RELEASE_LIMITS.perMesh} releases in one mesh`)
    const listed = { ...release, isWithdrawn: false }
    await catalogue.put(listed)
    log.info('release.published', {
      app: `${provider}/${name}`,
      version,
      channel,
      hash: release.hash,
      endpoint: record.id,
    })
    return listed
  }

  return {
    async listReleases({ query, caller }) {
      const isVisible = visibleTo(members.require(caller))
      const wanted = query.provider
      const newest = new Map<string, ListedRelease>()
      for (const release of catalogue.all()) {
        if (release.isWithdrawn || (wanted !== undefined && release.provider !== wanted)) continue
        if (!isVisible(release)) continue
        const key = `${release.provider}/${release.name} ${release.channel}`
        const other = newest.get(key)
        if (other === undefined || compare(release.version, other.version) > 0) newest.set(key, release)
      }
      const sorted = [...newest]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, release]) => describeRelease(release))
      return { releases: sorted.slice(query.offset, query.offset + query.limit), total: sorted.length }
    },
    async showReleases({ params, caller }) {
      const { provider, app: name } = params
      const releases = catalogue.of({ provider, name }).filter(visibleTo(members.require(caller)))
      if (releases.length === 0)
        throw new MeshError('not-found', `Cannot find app ${provider}/${name}: see \`ztm get app\``)
      return {
        releases: releases.map(
          ({ recordVersion, ...release }: ListedRelease & { recordVersion?: 1 }) => release,
        ),
      }
    },
    publishRelease: call => exclusive(() => publish(members.require(call.caller), call)),
    withdrawRelease: ({ params, query, caller }) =>
      exclusive(async () => {
        const record = members.require(caller)
        const { provider, app: name } = params
        if (record.user !== provider) decisions.requireAdminister(record, `withdraw ${provider}/${name}`)
        const meant = catalogue
          .of({ provider, name })
          .filter(({ version }) => query.version === undefined || version === query.version)
          .filter(({ channel }) => query.channel === undefined || channel === query.channel)
        if (meant.length === 0)
          throw new MeshError(
            'not-found',
            `Cannot withdraw ${provider}/${name}: no such release is published`,
          )
        for (const release of meant) await catalogue.put({ ...release, isWithdrawn: true })
        log.info('release.withdrawn', { app: `${provider}/${name}`, count: meant.length, by: record.user })
        return { count: meant.length }
      }),
  }
}

/** The key of the release that was published last is the one that counts: it may have been changed on purpose before. */
function isLastKey(before: readonly ListedRelease[], next: { publicKey: string }): boolean {
  const last = before.reduce((a, b) => (b.publishedAtMs > a.publishedAtMs ? b : a))
  return last.publicKey === next.publicKey
}
