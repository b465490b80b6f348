import { z } from 'zod'
import { msShape, userShape } from '../../core/api/shapes.ts'
import { capabilitiesShape } from '../../core/app/capabilities.ts'
import { appId } from '../../core/app/installed-app.ts'
import { type AppRef, appNameShape, appVersionShape } from '../../core/app/manifest.ts'
import { releaseShape } from '../../core/app/release.ts'
import type { Log } from '../../core/model/log.ts'
import type { Name } from '../../core/model/names.ts'
import type { Json, Store } from '../../core/model/store.ts'

const installShape = z.object({ release: releaseShape, grants: capabilitiesShape, atMs: msShape })

/**
 * What an endpoint knows of an app it installed once, under `installed/<mesh>/<provider>/<name>`. It stays when the app is
 * erased: a second install must not be fooled where the first would not have been.
 */
export const installedRecordShape = z.object({
  recordVersion: z.literal(1),
  provider: userShape,
  name: appNameShape,
  /** Of the publisher, from the first install on. */
  publicKey: z.string().max(64),
  /** The highest version that ever was installed here. */
  highest: appVersionShape,
  /** Absent once it was erased. */
  current: installShape.optional(),
  previous: installShape.optional(),
  /** Somebody wants it to run; after a restart of the agent, too. */
  isStarted: z.boolean(),
  isDisabled: z.boolean(),
})
/** What an endpoint knows of an app it installed once. */
export type InstalledRecord = z.output<typeof installedRecordShape>

/** A release that was published here, under `published/<mesh>/<name>/<hash>`; it is given to whoever may have it. */
export const publishedRecordShape = z.object({ recordVersion: z.literal(1), release: releaseShape })

/** The records of one mesh. */
export interface InstalledRecords {
  installed(): Promise<InstalledRecord[]>
  find(app: AppRef): Promise<InstalledRecord | undefined>
  put(record: InstalledRecord): Promise<void>
  published(): Promise<z.output<typeof publishedRecordShape>[]>
  putPublished(record: z.output<typeof publishedRecordShape>): Promise<void>
  deletePublished(record: z.output<typeof publishedRecordShape>): Promise<void>
  /** Throw away what an app kept. */
  deleteData(app: AppRef): Promise<void>
}

/** The first words of the keys of what is kept of a mesh. */
export function installedPrefixes(mesh: Name): readonly string[] {
  return [`installed/${mesh}/`, `published/${mesh}/`]
}

/** Open the records of one mesh. Those that cannot be read are logged and passed over. */
export function createInstalledRecords(store: Store, mesh: Name, log: Log): InstalledRecords {
  const [installedAt, publishedAt] = installedPrefixes(mesh) as [string, string]
  const read = async <S extends z.ZodType>(prefix: string, shape: S): Promise<z.output<S>[]> =>
    (await store.list(prefix)).flatMap(({ key, value }) => {
      const parsed = shape.safeParse(value)
      if (parsed.success) return [parsed.data]
      log.error('record.unreadable', { key })
      return []
    })
  const publishedKey = ({ release }: z.output<typeof publishedRecordShape>) =>
    `${publishedAt}${release.name}/${release.channel}/${release.hash}`
  return {
    installed: () => read(installedAt, installedRecordShape),
    async find(app) {
      return installedRecordShape.safeParse((await store.get(installedAt + appId(app)))?.value).data
    },
    async put(record) {
      await store.put(installedAt + appId(record), JSON.parse(JSON.stringify(record)) as Json)
    },
    published: () => read(publishedAt, publishedRecordShape),
    async putPublished(record) {
      await store.put(publishedKey(record), JSON.parse(JSON.stringify(record)) as Json)
    },
    deletePublished: record => store.delete(publishedKey(record)),
    async deleteData(app) {
      for (const { key } of await store.list(`app/${mesh}/${appId(app)}/`)) await store.delete(key)
    },
  }
}
