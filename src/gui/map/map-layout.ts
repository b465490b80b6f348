/** What the map is made of. */
export interface MapInput {
  readonly hubs: readonly { readonly id: string; readonly isAttached: boolean }[]
  /** Drawn each by itself. */
  readonly endpoints: readonly MapEndpoint[]
  /** Drawn each as one, the largest first; their endpoints may be among those drawn by themselves, too. */
  readonly groups?: readonly MapGroup[]
  /** Ways from here that are open. */
  readonly paths: readonly { readonly endpoint: string; readonly path: string; readonly detail?: string }[]
}

/** Endpoints that are drawn as one. */
export interface MapGroup {
  readonly name: string
  readonly count: number
  readonly onlineCount: number
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
  readonly kind: 'hub' | 'endpoint' | 'group'
  readonly label: string
  readonly isOnline: boolean
  readonly isLocal: boolean
  /** How many a group has. */
  readonly count: number
}

/** A line of the map: a link to a hub, or a way between two endpoints. */
export interface MapLine {
  readonly from: string
  readonly to: string
  readonly kind: 'link' | 'direct' | 'punched' | 'relay' | 'relay-h2'
  /** Latency and traffic, in words. */
  readonly detail?: string | undefined
}

/**
 * Place the mesh on a square: hubs in the middle, around them endpoints, neighbours by user, and groups of those that are too many to
 * be drawn: a map of ten thousand dots tells nothing.
 *
 * @returns what to draw, and how many endpoints of groups are not on it
 */
export function layOutMap({ hubs, endpoints, groups = [], paths }: MapInput): {
  readonly nodes: readonly MapNode[]
  readonly lines: readonly MapLine[]
  readonly hiddenCount: number
} {
  const singles = singlesOf(endpoints).slice(0, MAX_SINGLE)
  const shownGroups = groupsOf(groups).slice(0, MAX_SINGLE - singles.length)
  const shown = [...singles, ...shownGroups]
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
  const known = new Set(nodes.map(({ id }) => id))
  const here = endpoints.find(({ isLocal }) => isLocal)?.id ?? ''
  const hub = hubs.find(({ isAttached }) => isAttached)?.id ?? hubs[0]?.id ?? ''
  const lines: MapLine[] = [
    ...shown
      .filter(({ isOnline }) => isOnline)
      .map(({ id }) => ({ from: id, to: hub, kind: 'link' as const })),
    ...paths.flatMap(({ endpoint, path, detail }) => {
      const kind = KINDS.find(one => one === path)
      return kind === undefined || endpoint === here ? [] : [{ from: here, to: endpoint, kind, detail }]
    }),
  ].filter(({ from, to }) => known.has(from) && known.has(to))
  const hidden = groups.slice(shownGroups.length).reduce((sum, { count }) => sum + count, 0)
  return { nodes, lines, hiddenCount: hidden + Math.max(0, endpoints.length - singles.length) }
}

type Unplaced = Omit<MapNode, 'x' | 'y'>

/** This one first, so that it is on every map; the others by user and name. */
function singlesOf(endpoints: readonly MapEndpoint[]): Unplaced[] {
  return endpoints
    .toSorted(
      (a, b) => Number(b.isLocal) - Number(a.isLocal) || compare(a.user, b.user) || compare(a.name, b.name),
    )
    .map(({ id, name, isOnline, isLocal }) => ({
      id,
      kind: 'endpoint',
      label: name,
      isOnline,
      isLocal,
      count: 1,
    }))
}

function groupsOf(groups: readonly MapGroup[]): Unplaced[] {
  return groups.map(({ name, count, onlineCount }) => ({
    id: `group ${name}`,
    kind: 'group',
    label: name,
    isOnline: onlineCount > 0,
    isLocal: false,
    count,
  }))
}

function placeOn(radius: number, index: number, count: number) {
  const angle = (2 * Math.PI * index) / Math.max(count, 1) - Math.PI / 2
  return {
    x: Math.round(MAP_SIZE / 2 + radius * Math.cos(angle)),
    y: Math.round(MAP_SIZE / 2 + radius * Math.sin(angle)),
  }
}

/**
 * Where a label begins or ends that leads away from the middle of the map, never upside down.
 *
 * @param gap  from the thing to its label
 */
export function outwards(
  { x, y }: { readonly x: number; readonly y: number },
  gap: number,
): {
  readonly x: number
  readonly y: number
  readonly dy: string
  readonly textAnchor: 'start' | 'end'
  readonly transform: string
} {
  const angle = Math.atan2(y - MAP_SIZE / 2, x - MAP_SIZE / 2)
  const isLeft = Math.cos(angle) < 0
  const turn = Math.round((angle * 180) / Math.PI) + (isLeft ? 180 : 0)
  return {
    x: x + (isLeft ? -gap : gap),
    y,
    dy: '0.35em',
    textAnchor: isLeft ? 'end' : 'start',
    transform: `rotate(${turn} ${x} ${y})`,
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
