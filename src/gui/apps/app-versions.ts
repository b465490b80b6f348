import type { ReleaseInfo } from '../../core/api/catalogue-api.ts'
import type { InstalledInfo } from '../../core/api/installed-api.ts'
import { isNewer } from '../../core/app/release.ts'

/** The highest release in an app's channel, if it is above what is installed. */
export function newestOf(
  app: Pick<InstalledInfo, 'provider' | 'name' | 'channel' | 'version'>,
  releases: readonly ReleaseInfo[],
): ReleaseInfo | undefined {
  return releases
    .filter(
      one =>
        one.provider === app.provider &&
        one.name === app.name &&
        one.channel === app.channel &&
        !one.isWithdrawn &&
        isNewer(one.version, app.version),
    )
    .reduce<ReleaseInfo | undefined>(
      (best, one) => (best === undefined || isNewer(one.version, best.version) ? one : best),
      undefined,
    )
}

/** Where the page of an app is inside ours; the agent names the same in `PAGE_PATH`. */
export function pageHref(mesh: string, { provider, name }: Pick<ReleaseInfo, 'provider' | 'name'>): string {
  return `/${[mesh, 'apps', provider, name, 'page'].map(encodeURIComponent).join('/')}`
}
