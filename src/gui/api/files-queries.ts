import { queryOptions } from '@tanstack/react-query'
import { FILES_API, type InsideEntry } from '../../apps/files/messages.ts'
import { SYNC_API } from '../../apps/sync/messages.ts'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { CopyEvent, CopyPlaceName } from '../../core/files/copy-request.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { call } from './call.ts'
import { askDisk } from './disk-stream.ts'
import { KEY_HEADER, readKey } from './login.ts'

/** What is asked of the mesh's files. */
export interface FileSearch {
  readonly path?: string | undefined
  readonly pattern?: string | undefined
  readonly owner?: string | undefined
  readonly tag?: string | undefined
}

/** What the page asks of files, each under the key it is kept by. */
export const FILES_QUERIES = {
  found: (mesh: string, { path, pattern, owner, tag }: FileSearch) =>
    queryOptions({
      queryKey: ['files', mesh, 'found', path, pattern, owner, tag],
      queryFn: ({ signal }) => {
        const query = {
          ...(path && { path }),
          ...(pattern && { pattern }),
          ...(owner && { owner }),
          ...(tag && { tag }),
        }
        return call(
          FILES_API.findFiles,
          { query: query as never },
          { prefix: appPrefix(mesh, 'files'), signal },
        )
      },
      refetchInterval: SEARCH_MS,
    }),
  inside: (mesh: string, path: string) =>
    queryOptions({
      queryKey: ['files', mesh, 'inside', path],
      queryFn: ({ signal }) => listInside(mesh, path, signal),
    }),
  versions: (mesh: string, path: string) =>
    queryOptions({
      queryKey: ['files', mesh, 'versions', path],
      queryFn: ({ signal }) =>
        call(FILES_API.listVersions, { query: { path } }, { prefix: appPrefix(mesh, 'files'), signal }),
    }),
  held: (mesh: string, endpoint: string) =>
    queryOptions({
      queryKey: ['files', mesh, 'held', endpoint],
      queryFn: ({ signal }) =>
        call(FILES_API.listHeld, { params: { endpoint } }, { prefix: appPrefix(mesh, 'files'), signal }),
    }),
  config: (mesh: string, endpoint: string) =>
    queryOptions({
      queryKey: ['files', mesh, 'config', endpoint],
      queryFn: ({ signal }) =>
        call(
          FILES_API.showFilesConfig,
          { params: { endpoint } },
          { prefix: appPrefix(mesh, 'files'), signal },
        ),
    }),
  jobs: (mesh: string, endpoint: string) =>
    queryOptions({
      queryKey: ['files', mesh, 'jobs', endpoint],
      queryFn: ({ signal }) =>
        call(FILES_API.listJobs, { params: { endpoint } }, { prefix: appPrefix(mesh, 'files'), signal }),
      refetchInterval: ({ state: { data } }) =>
        data?.jobs.some(({ endedAtMs }) => endedAtMs === undefined) ? BUSY_MS : IDLE_MS,
    }),
  transfers: () =>
    queryOptions({
      queryKey: ['transfers'],
      queryFn: ({ signal }) => call(AGENT_API.listTransfers, {}, { signal }),
      refetchInterval: ({ state: { data } }) =>
        data?.transfers.some(({ state }) => state === 'running') ? BUSY_MS : IDLE_MS,
    }),
  folder: (mesh: string, at: CopyPlaceName) =>
    queryOptions({
      queryKey: ['files', mesh, 'folder', at.endpoint, at.user, at.path],
      queryFn: ({ signal }) => listFolder(mesh, at, signal),
      retry: false,
    }),
  mirrors: (mesh: string, endpoint: string) =>
    queryOptions({
      queryKey: ['files', mesh, 'mirrors', endpoint],
      queryFn: ({ signal }) =>
        call(SYNC_API.listMirrors, { params: { endpoint } }, { prefix: appPrefix(mesh, 'sync'), signal }),
      refetchInterval: MIRROR_MS,
    }),
  grants: (mesh: string, endpoint: string) =>
    queryOptions({
      queryKey: ['files', mesh, 'grants', endpoint],
      queryFn: ({ signal }) =>
        call(SYNC_API.listGrants, { params: { endpoint } }, { prefix: appPrefix(mesh, 'sync'), signal }),
    }),
} as const

/** Where the API of a mesh's files is, or of what its disks have. */
export function appPrefix(mesh: string, app: 'files' | 'sync'): string {
  return `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/${app}`
}

/** Wait until a publication or download has ended. @throws MeshError why it failed */
export async function jobEnded(mesh: string, endpoint: string, job: string): Promise<void> {
  for (;;) {
    const { state, error } = await call(
      FILES_API.showJob,
      { params: { endpoint, job } },
      { prefix: appPrefix(mesh, 'files') },
    )
    if (state === 'done') return
    if (state === 'failed' || state === 'cancelled')
      throw parseErrorBody(error) ?? new MeshError('timed-out', 'It was cancelled')
    await new Promise(resolve => setTimeout(resolve, JOB_MS))
  }
}

/** Something that can be shown or saved: a published file, or one on the disk of an endpoint. */
export interface ContentName {
  readonly app: 'ztm/files' | 'ztm/sync'
  /** As the app has it: `path`; `endpoint`, `user`. */
  readonly query: Readonly<Record<string, string>>
}

/** A link to a content, and how long that is. */
export interface ContentLink {
  readonly url: string
  readonly sizeBytes: number
}

/**
 * Have a link made to a content, to be shown in this page or saved by the browser.
 *
 * @returns its URL, and how long the content is, in bytes
 * @throws MeshError why it cannot be had: it is tried at once
 */
export async function makeLink(
  mesh: string,
  { app, query }: ContentName,
  as: 'shown' | 'saved',
): Promise<ContentLink> {
  const headers = { [KEY_HEADER]: readKey(), 'content-type': 'application/json' }
  const body = JSON.stringify({ mesh, app, query, as })
  const made = await fetch('/api/content-links', { method: 'POST', headers, body })
  if (!made.ok) throw await errorOf(made)
  const { url } = (await made.json()) as { url: string }
  const tried = await fetch(url, { method: 'HEAD' })
  if (tried.ok) return { url, sizeBytes: Number(tried.headers.get('content-length')) }
  // A refusal without a body says nothing: ask again, for none of its bytes.
  throw await errorOf(await fetch(url, { headers: { range: 'bytes=0-0' } }))
}

/** Have the browser save a content. @throws MeshError why it cannot be had */
export async function saveContent(mesh: string, content: ContentName): Promise<void> {
  const { url } = await makeLink(mesh, content, 'saved')
  const link = document.createElement('a')
  link.href = url
  link.download = ''
  link.click()
}

/** Why something was refused. */
export async function errorOf(answer: Response): Promise<MeshError> {
  const said: unknown = await answer.json().catch(() => undefined)
  return parseErrorBody(said) ?? new MeshError('bad-message', `The agent answered with ${answer.status}`)
}

/** Everything directly in a folder of a published tree. */
async function listInside(mesh: string, path: string, signal: AbortSignal) {
  const entries: InsideEntry[] = []
  for (;;) {
    const query = { path, offset: entries.length }
    const page = await call(FILES_API.listInside, { query }, { prefix: appPrefix(mesh, 'files'), signal })
    entries.push(...page.entries)
    if (page.entries.length === 0 || entries.length >= Math.min(page.total, MAX_SHOWN))
      return { item: page.item, entries, total: page.total }
  }
}

/** Something in a folder on a disk. */
export type FolderEntry = Omit<Extract<CopyEvent, { event: 'entry' }>, 'event'>

/** What is in a folder on the disk of an endpoint. @throws MeshError */
async function listFolder(
  mesh: string,
  at: CopyPlaceName,
  signal: AbortSignal,
): Promise<{ entries: FolderEntry[]; isCut: boolean }> {
  const entries: FolderEntry[] = []
  const enough = new AbortController()
  try {
    await askDisk(
      mesh,
      { kind: 'list-files', at },
      {
        onEvent(event) {
          if (event.event === 'entry') entries.push(event)
          if (entries.length > MAX_SHOWN) enough.abort()
        },
        signal: AbortSignal.any([signal, enough.signal]),
      },
    )
    return { entries, isCut: false }
  } catch (error) {
    if (!enough.signal.aborted) throw error
    return { entries, isCut: true }
  }
}

/** Names of one folder that are shown. */
export const MAX_SHOWN = 10_000
/** A search asks everybody who has files. */
const SEARCH_MS = 15_000
const BUSY_MS = 1_000
const IDLE_MS = 5_000
const MIRROR_MS = 2_000
const JOB_MS = 300
