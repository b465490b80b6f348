import { z } from 'zod'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import type { Host, Hosting, Incoming } from '../../sdk/app.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import { type Grant, type Grants, grantShape } from './messages.ts'
import { syncServiceOf } from './open-place.ts'

const recordShape = z.object({ version: z.literal(1), grants: z.array(grantShape) })

/** Who may use which folders of this endpoint, and its place in the mesh. */
export class GrantBook implements AsyncDisposable {
  readonly #host: Host
  readonly #receive: (incoming: Incoming) => void
  readonly #onChanged: () => void
  readonly #exclusive = createExclusive()
  #grants: readonly Grant[] = []
  #hosting: Hosting | undefined
  #error: MeshError | undefined

  /** @param onChanged  what was opened before may not be allowed any more */
  constructor(host: Host, receive: (incoming: Incoming) => void, onChanged: () => void) {
    this.#host = host
    this.#receive = receive
    this.#onChanged = onChanged
  }

  /** Read what was kept, and be found. Never throws. */
  async restore(): Promise<void> {
    const kept = recordShape.safeParse(await this.#host.storage.get('grants'))
    if (kept.success) this.#grants = kept.data.grants
    await this.#open().catch(() => {})
  }

  describe(): Grants {
    const error = this.#error ?? this.#hosting?.error
    return { grants: [...this.#grants], ...(error && { error: error.message }) }
  }

  /** @throws MeshError `too-many`, `bad-name`, `not-found`, `denied` if the folder cannot be opened */
  async put(grant: Grant): Promise<Grants> {
    await using folder = await this.#host.disk.openFolder(grant.folder)
    const { path } = folder
    return await this.#change(grants => {
      const others = grants.filter(({ folder: one }) => one !== path)
      if (others.length >= MAX_GRANTS) {
        throw new MeshError('too-many', `Cannot grant ${quote(path)}: there are ${MAX_GRANTS} grants already`)
      }
      return [...others, { ...grant, folder: path }]
    })
  }

  /** @throws MeshError `not-found` */
  delete(folder: string): Promise<Grants> {
    return this.#change(grants => {
      const rest = grants.filter(({ folder: one }) => one !== folder)
      if (rest.length < grants.length) return rest
      throw new MeshError('not-found', `Cannot take back ${quote(folder)}: nobody was granted it`)
    })
  }

  /** The folders that somebody may use; undefined if they may use all. */
  foldersFor(
    user: UserName,
    groups: () => readonly Name[],
    mayWrite: boolean,
  ): readonly string[] | undefined {
    if (user === this.#host.endpoint.user) return undefined
    return this.#grants
      .filter(
        grant =>
          (grant.mayWrite || !mayWrite) &&
          (grant.users.includes(user) ||
            (grant.groups.length > 0 && groups().some(group => grant.groups.includes(group)))),
      )
      .map(({ folder }) => folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusive.whenIdle()
    await this.#hosting?.[Symbol.asyncDispose]()
  }

  #change(change: (grants: readonly Grant[]) => readonly Grant[]): Promise<Grants> {
    return this.#exclusive.run('grants', async () => {
      const grants = [...change(this.#grants)]
      await this.#host.storage.put('grants', { version: 1, grants })
      this.#grants = grants
      this.#onChanged()
      await this.#open()
      return this.describe()
    })
  }

  /** @throws MeshError `name-taken`, `bad-name` */
  async #open(): Promise<void> {
    this.#error = undefined
    const users = [...new Set(this.#grants.flatMap(grant => grant.users))]
    const groups = [...new Set(this.#grants.flatMap(grant => grant.groups))]
    const access = { users, groups, entrances: [] }
    try {
      if (this.#hosting !== undefined) return await this.#hosting.update(access)
      const service = syncServiceOf(this.#host.endpoint.user)
      this.#hosting = await this.#host.serve(service, { access, onStream: this.#receive })
      this.#hosting.report('up')
    } catch (thrown) {
      this.#error = toMeshError(thrown)
      throw this.#error
    }
  }
}

/** Folders that others may use. */
export const MAX_GRANTS = 100
