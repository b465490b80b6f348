import { fitsPattern, formatMeshPath, pathBelow } from '../../core/files/mesh-path.ts'
import { type MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import type { Host } from '../../sdk/app.ts'
import { FilePeer } from './file-peer.ts'
import type { HeldFiles } from './held-files.ts'
import type { FilesLimits } from './limits.ts'
import type { FoundItem, HolderInfo, Item } from './messages.ts'
import { inLanes } from './slots.ts'

/** What is looked for. */
export interface FileQuery {
  readonly owner?: UserName | undefined
  /** Below its owner's place: that name, and all below it. */
  readonly path?: string | undefined
  /** Of the name; see `fitsPattern`. */
  readonly pattern?: string | undefined
  readonly tag?: Name | undefined
}

/** What was found, and who did not say. */
export interface FilesFound {
  readonly items: FoundItem[]
  readonly unanswered: (HolderInfo & { readonly reason: string })[]
}

/** What finding needs. */
export interface Finder {
  readonly host: Host
  readonly held: HeldFiles
  readonly limits: FilesLimits
}

/**
 * Ask every endpoint that gives files what it has for us. There is no index anywhere: who is offline or slow is named.
 *
 * What something is, its owner's endpoints say; others only that they have a copy.
 *
 * @throws MeshError `offline` if the mesh cannot be reached
 */
export async function findFiles({ host, held, limits }: Finder, query: FileQuery): Promise<FilesFound> {
  const { holders, unanswered } = await listHolders(host)
  const offers: Offer[] = held.all
    .filter(({ error, item }) => error === undefined && isWanted(item, query))
    .map(({ item }) => ({ item, holder: host.endpoint }) as const)
    .map(({ item, holder }) => ({
      item,
      holder: { endpoint: holder.id, name: holder.name, user: holder.user },
    }))
  await inLanes(holders, limits.maxAsked, async holder => {
    try {
      for (const item of await askWhatItHas({ host, held, limits }, holder, query.owner)) {
        if (isWanted(item, query)) offers.push({ item, holder })
      }
    } catch (thrown) {
      unanswered.push({ ...holder, reason: reasonOf(toMeshError(thrown)) })
    }
  })
  return { items: merge(offers), unanswered: unanswered.filter(({ reason }) => reason !== '') }
}

/**
 * Ask one endpoint for what it has.
 *
 * @param owner  of that user alone
 * @param names  of these names alone
 * @throws MeshError as `FilePeer`
 */
export async function askWhatItHas(
  { host, limits }: Finder,
  holder: HolderInfo,
  owner?: UserName,
  names?: string[],
): Promise<Item[]> {
  const { answerTimeoutMs, maxItemsOfHolder } = limits
  const peer = await FilePeer.open(host, holder, answerTimeoutMs)
  try {
    const items: Item[] = []
    for (let offset: number | undefined = 0; offset !== undefined && items.length < maxItemsOfHolder; ) {
      const question = { kind: 'list', offset, ...(owner && { owner }), ...(names && { names }) } as const
      const answer = await peer.ask(host, question, answerTimeoutMs)
      items.push(...(answer.items ?? []))
      // A number that does not grow would go on for ever.
      offset = (answer.nextOffset ?? 0) > offset ? answer.nextOffset : undefined
    }
    return items.slice(0, maxItemsOfHolder)
  } finally {
    peer.close()
  }
}

/** Other endpoints that may give files to us. */
export async function listHolders(host: Host): Promise<{
  holders: HolderInfo[]
  unanswered: (HolderInfo & { reason: string })[]
}> {
  const holders: HolderInfo[] = []
  const unanswered: (HolderInfo & { reason: string })[] = []
  for (const { name: service, owner, hostings } of await host.services()) {
    if (!service.startsWith('tcp/.files.')) continue
    for (const { endpoint, name, isOnline, user = owner } of hostings) {
      if (endpoint === host.endpoint.id) continue
      const holder = { endpoint, name, user }
      if (isOnline) holders.push(holder)
      else unanswered.push({ ...holder, reason: 'offline' })
    }
  }
  return { holders, unanswered }
}

interface Offer {
  readonly item: Item
  readonly holder: HolderInfo
}

function isWanted({ owner, name, tags }: Item, query: FileQuery): boolean {
  if (query.owner !== undefined && owner !== query.owner) return false
  if (query.tag !== undefined && !tags.includes(query.tag)) return false
  if (query.pattern !== undefined && !fitsPattern(name, query.pattern)) return false
  if (query.path === undefined) return true
  // Above it too: what is in a tree is found by the tree.
  return pathBelow(name, query.path) !== undefined || pathBelow(query.path, name) !== undefined
}

function merge(offers: readonly Offer[]): FoundItem[] {
  const newest = new Map<string, Item>()
  for (const { item, holder } of offers) {
    // Nobody says what another has published.
    if (holder.user !== item.owner) continue
    const path = formatMeshPath(item.owner, item.name)
    const known = newest.get(path)
    if (known === undefined || isNewer(item, known)) newest.set(path, item)
  }
  const found = new Map<string, FoundItem>()
  for (const { item, holder } of offers) {
    const path = formatMeshPath(item.owner, item.name)
    const best = newest.get(path)
    if (best === undefined || best.content !== item.content) continue
    const one: FoundItem = found.get(path) ?? { path, ...best, holders: [] }
    found.set(path, one)
    if (!one.holders.some(({ endpoint }) => endpoint === holder.endpoint)) one.holders.push(holder)
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

function isNewer(item: Item, known: Item): boolean {
  if (item.origin === known.origin) return item.serial > known.serial
  return item.publishedAtMs > known.publishedAtMs
}

/** Who lets us in no more has nothing for us; nobody needs to know. */
function reasonOf({ code, message }: MeshError): string {
  return code === 'denied' || code === 'not-found' ? '' : message
}
