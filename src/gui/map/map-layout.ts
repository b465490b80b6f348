/** What the map is made of. */
export interface MapInput {
  readonly hubs: readonly { readonly id: string; readonly isAttached: boolean }[]
  readonly endpoints: readonly MapEndpoint[]
  /** Ways from here that are open. */
  readonly paths: readonly { readonly endpoint: string; readonly path: string }[]
}

/** An endpoint of the map. */
export interface MapEndpoint {
  readonly id: string
  readonly name: string
  readonly user: string
  readonly isOnline: boolean
  readonly isLocal: boolean
}

/** A thing on the map; places are in a square of `MAP_SIZE`. */
export interface MapNode {
  readonly id: string
  readonly x: number
  readonly y: number
  /** One endpoint, a hub, or all endpoints of a user, where they are too many. */
  readonly kind: 'hub' | 'endpoint' | 'user'
  readonly label: string
  readonly isOnline: boolean
  readonly isLocal: boolean
  /** How many a user has. */
  readonly count: number
}

/** A line of the map: a link to a hub, or a way between two endpoints. */
export interface MapLine {
  readonly from: string
  readonly to: string
  readonly kind: 'link' | 'direct' | 'punched' | 'relay' | 'relay-h2'
}

/**
 * Place the mesh on a square: hubs in the middle, endpoints around them, neighbours by user. More than `MAX_SINGLE` endpoints are
 * drawn as their users, and of those the largest alone: a map of ten thousand dots tells nothing.
 *
 * @returns what to draw, and how many endpoints are not on it
 */
export function layOutMap({ hubs, endpoints, paths }: MapInput): {
  readonly nodes: readonly MapNode[]
  readonly lines: readonly MapLine[]
  readonly hiddenCount: number
} {
  const isSingle = endpoints.length <= MAX_SINGLE
  const around = isSingle ? singles(endpoints) : users(endpoints)
  const shown = around.slice(0, MAX_SINGLE)
  const nodes: MapNode[] = [
    ...hubs.slice(0, MAX_HUBS).map((hub, index, all) => ({
      ...placeOn(all.length === 1 ? 0 : MAP_SIZE * 0.1, index, all.length),
      id: hub.id,
      kind: 'hub' as const,
      label: 'hub',
      isOnline: true,
      isLocal: hub.isAttached,
      count: 1,
    })),
    ...shown.map((one, index) => ({ ...one, ...placeOn(MAP_SIZE * 0.38, index, shown.length) })),
  ]
  const placeOfEndpoint = new Map(
    endpoints.map(({ id, user }) => [id, isSingle ? id : `user ${user}`] as const),
  )
  const known = new Set(nodes.map(({ id }) => id))
  const here = placeOfEndpoint.get(endpoints.find(({ isLocal }) => isLocal)?.id ?? '') ?? ''
  const hub = hubs.find(({ isAttached }) => isAttached)?.id ?? hubs[0]?.id ?? ''
  const lines: MapLine[] = [
    ...shown
      .filter(({ isOnline }) => isOnline)
      .map(({ id }) => ({ from: id, to: hub, kind: 'link' as const })),
    ...paths.flatMap(({ endpoint, path }) => {
      const to = placeOfEndpoint.get(endpoint) ?? ''
      const kind = KINDS.find(one => one === path)
      return kind === undefined || to === here ? [] : [{ from: here, to, kind }]
    }),
  ].filter(({ from, to }) => known.has(from) && known.has(to))
  const drawn = shown.reduce((sum, { count }) => sum + count, 0)
  return { nodes, lines, hiddenCount: endpoints.length - drawn }
}

type Unplaced = Omit<MapNode, 'x' | 'y'>

function singles(endpoints: readonly MapEndpoint[]): Unplaced[] {
  return endpoints
    .toSorted((a, b) => compare(a.user, b.user) || compare(a.name, b.name))
    .map(({ id, name, isOnline, isLocal }) => ({
      id,
      kind: 'endpoint',
      label: name,
      isOnline,
      isLocal,
      count: 1,
    }))
}

function users(endpoints: readonly MapEndpoint[]): Unplaced[] {
  const byUser = Map.groupBy(endpoints, ({ user }) => user)
  return [...byUser]
    .map(([user, own]) => ({
      id: `user ${user}`,
      kind: 'user' as const,
      label: user,
      isOnline: own.some(({ isOnline }) => isOnline),
      isLocal: own.some(({ isLocal }) => isLocal),
      count: own.length,
    }))
    .toSorted(
      (a, b) => Number(b.isLocal) - Number(a.isLocal) || b.count - a.count || compare(a.label, b.label),
    )
}

function placeOn(radius: number, index: number, count: number) {
  const angle = (2 * Math.PI * index) / Math.max(count, 1) - Math.PI / 2
  return {
    x: Math.round(MAP_SIZE / 2 + radius * Math.cos(angle)),
    y: Math.round(MAP_SIZE / 2 + radius * Math.sin(angle)),
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The sides of the map's square. */
export const MAP_SIZE = 800
/** Things around the hubs; more cannot be told apart. */
export const MAX_SINGLE = 60
const MAX_HUBS = 8
const KINDS = ['direct', 'punched', 'relay', 'relay-h2'] as const
