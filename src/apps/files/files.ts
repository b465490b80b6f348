import type { Handlers } from '../../core/api/route.ts'
import { parseMeshPath, pathBelow } from '../../core/files/mesh-path.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { App, AppCaller, AppInstance, Host } from '../../sdk/app.ts'
import { atEndpoint as at } from '../../sdk/for-apps/at-endpoint.ts'
import { fetchContent } from './download-file.ts'
import { openFileContent } from './file-content.ts'
import { FileSpace } from './file-space.ts'
import { listVersions } from './file-versions.ts'
import { findFiles } from './find-files.ts'
import { findPath } from './find-path.ts'
import { FILES_LIMITS, type FilesLimits } from './limits.ts'
import { createMeshFiles } from './mesh-files.ts'
import { FILES_API, type FoundItem, type InsideEntry } from './messages.ts'
import { openTreeArchive } from './tree-archive.ts'

/** A file space of the mesh: files and trees, published where they are, found and fetched by those who may. */
export const filesApp: App = createFilesApp()

/** The files app with limits of one's own. */
export function createFilesApp(limits: FilesLimits = FILES_LIMITS): App {
  return {
    name: 'ztm/files',
    api: FILES_API,
    async start(host) {
      const space = new FileSpace(host, limits)
      await space.restore()
      return {
        // A handler takes what its own route's shapes give; the host calls it with just that.
        handlers: createHandlers(host, space) as unknown as AppInstance['handlers'],
        meshFilesFor: app => createMeshFiles(space, app),
        contents: {
          open: ({ path = '', as }) => (as === 'tar' ? openTreeArchive : openFileContent)(space.finder, path),
        },
        [Symbol.asyncDispose]: () => space[Symbol.asyncDispose](),
      }
    },
  }
}

function createHandlers(host: Host, space: FileSpace): Handlers<typeof FILES_API, AppCaller> {
  const api = FILES_API
  return {
    async findFiles({ query: { path, pattern, tag, owner }, caller }) {
      refusePeer(caller)
      const place = path === undefined ? undefined : parseMeshPath(path, host.endpoint.user)
      return findFiles(space.finder, {
        owner: place?.owner ?? owner,
        path: place === undefined || place.path === '' ? undefined : place.path,
        pattern,
        tag,
      })
    },
    async listInside({ query: { path, offset }, caller }) {
      refusePeer(caller)
      return listInside(space, path, offset)
    },
    async listVersions({ query: { path }, caller }) {
      refusePeer(caller)
      const { item } = await findPath(space.finder, path)
      return { path: item.path, versions: await listVersions(space.finder, item) }
    },
    listHeld: call => at(host, api.listHeld, call, () => ({ items: space.list() })),
    publish: call => at(host, api.publish, call, () => space.publish(call.body)),
    share: call => at(host, api.share, call, () => space.share(call.body.path, call.body)),
    withdraw: call => at(host, api.withdraw, call, () => space.withdraw(call.body.path, call.body.isErased)),
    confirmCopies: call =>
      at(host, api.confirmCopies, call, () => space.confirmCopies(call.body.path, call.body)),
    download: call => at(host, api.download, call, () => space.download(call.body)),
    listJobs: call => at(host, api.listJobs, call, () => ({ jobs: space.jobs.all })),
    showJob: call =>
      at(host, api.showJob, call, async () => {
        await space.whenEnded(call.params.job, call.query.waitMs)
        return space.jobs.find(call.params.job)
      }),
    changeJob: call =>
      at(host, api.changeJob, call, () =>
        call.body.isPaused ? space.jobs.pause(call.params.job) : space.jobs.resume(call.params.job),
      ),
    cancelJob: call => at(host, api.cancelJob, call, () => space.jobs.cancel(call.params.job)),
    showFilesConfig: call => at(host, api.showFilesConfig, call, () => space.config),
    changeFilesConfig: call =>
      at(host, api.changeFilesConfig, call, async () => {
        await space.changeConfig(call.body.folder)
        return space.config
      }),
  }
}

/** The names directly in a folder of a tree. */
async function listInside(
  space: FileSpace,
  path: string,
  offset: number,
): Promise<{ item: FoundItem; entries: InsideEntry[]; total: number }> {
  const { item, part } = await findPath(space.finder, path)
  const { manifest } = await fetchContent(space.finder, item)
  const below = manifest.entries.filter(({ path: one }) => pathBelow(one, part) !== undefined)
  const [top] = below
  if (top === undefined)
    throw new MeshError(
      'not-found',
      `Cannot list ${quote(path)}: there is no such file or folder in the tree`,
    )
  const inner = below.filter(entry => {
    const name = pathBelow(entry.path, part)
    return name !== undefined && name !== '' && !name.includes('/')
  })
  const shown = top.kind === 'folder' ? inner : [top]
  const entries = shown.slice(offset, offset + PAGE_ENTRIES).map(
    (entry): InsideEntry => ({
      path: entry.path === '' ? item.path : `${item.path}/${entry.path}`,
      kind: entry.kind,
      sizeBytes: entry.kind === 'file' ? entry.sizeBytes : 0,
      mode: entry.kind === 'link' ? 0o777 : entry.mode,
      modifiedAtMs: entry.modifiedAtUs / 1_000,
      ...(entry.kind === 'link' && { target: entry.target }),
    }),
  )
  return { item, entries, total: shown.length }
}

/** Another endpoint finds by itself: here it would find with this user's rights. */
function refusePeer({ source }: AppCaller): void {
  if (source === 'peer')
    throw new MeshError('denied', 'Cannot find files for another endpoint: ask it directly')
}

const PAGE_ENTRIES = 1_000
