import { rcompare } from 'semver'
import { z } from 'zod'
import { type ListedRelease, listedReleaseShape, RELEASE_LIMITS } from '../core/app/release.ts'
import type { Context } from './context.ts'
import { openTable } from './table.ts'

/** `release/<provider>/<name>/<channel>/<version>` */
const releaseRecordShape = listedReleaseShape.extend({ recordVersion: z.literal(1) })

/** Every release that was published, withdrawn ones too: their versions must not come back as something else. */
export interface Catalogue {
  readonly size: number
  all(): Iterable<ListedRelease>
  /** Of one app, in no order. */
  of(app: { provider: string; name: string }): readonly ListedRelease[]
  /** How many apps one user has published. */
  appCountOf(provider: string): number
  /** Keep it; of its channel the oldest beyond the limit go. */
  put(release: ListedRelease): Promise<void>
}

/** Load the catalogue. */
export async function openCatalogue({ store, log }: Pick<Context, 'store' | 'log'>): Promise<Catalogue> {
  const byApp = new Map<string, Map<string, ListedRelease>>()
  const appOf = ({ provider, name }: { provider: string; name: string }) => `${provider}/${name}`
  const idOf = (release: ListedRelease) => `${appOf(release)}/${release.channel}/${release.version}`
  const table = await openTable({
    store,
    log,
    prefix: 'release',
    shape: releaseRecordShape,
    idOf,
    onRow(next, previous) {
      const row = next ?? previous
      if (row === undefined) return
      const releases = byApp.get(appOf(row)) ?? new Map<string, ListedRelease>()
      if (next === undefined) releases.delete(idOf(row))
      else releases.set(idOf(row), next)
      if (releases.size === 0) byApp.delete(appOf(row))
      else byApp.set(appOf(row), releases)
    },
  })
  return {
    get size() {
      return table.size
    },
    all: () => table.values(),
    of: app => [...(byApp.get(appOf(app))?.values() ?? [])],
    appCountOf: provider => [...byApp.keys()].filter(app => app.startsWith(`${provider}/`)).length,
    async put(release) {
      await table.put({ ...release, recordVersion: 1 })
      const inChannel = [...(byApp.get(appOf(release))?.values() ?? [])].filter(
        ({ channel }) => channel === release.channel,
      )
      const oldest = inChannel
        .toSorted((a, b) => rcompare(a.version, b.version))
        .slice(RELEASE_LIMITS.perChannel)
      for (const old of oldest) await table.delete(idOf(old))
    },
  }
}
