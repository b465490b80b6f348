import type { HubId } from '../model/ids.ts'

/** A hub that only relays, and how far it is. */
export interface HubDistance {
  readonly id: HubId
  /** Measured; undefined while it is not known, or it did not answer. */
  readonly roundTripMs: number | undefined
}

/**
 * The hubs to keep links to: the nearest. One that is held gives way only to one that is clearly nearer, or a network that
 * wavers would make the links flap.
 *
 * @param held  those that have a link now
 * @param count  how many
 */
export function chooseHubs(
  hubs: readonly HubDistance[],
  held: ReadonlySet<HubId>,
  count: number,
): readonly HubId[] {
  const distance = ({ id, roundTripMs }: HubDistance) => {
    if (roundTripMs === undefined) return Number.POSITIVE_INFINITY
    return held.has(id) ? roundTripMs * STAY_FACTOR - STAY_MS : roundTripMs
  }
  return [...hubs]
    .sort((a, b) => compare(distance(a), distance(b)) || compareIds(a.id, b.id))
    .slice(0, count)
    .map(({ id }) => id)
}

/** A hub at which two may meet, as the one who asks sees it. */
export interface MeetingPlace {
  /** Undefined for the hub with the controller. */
  readonly id: HubId | undefined
  readonly roundTripMs: number | undefined
  /** This agent has an open link to it. */
  readonly isLinked: boolean
  /** What it relays was silent lately, or it is about to end. Default: no. */
  readonly isSilent?: boolean
  /** It is being drained, and would say no. Default: no. */
  readonly isDraining?: boolean | undefined
}

/**
 * In which order to ask hubs for a meeting: first those where the peer is known to be, and we are too; then those where it
 * is and a link would have to be opened; then those where it may be. Among equals the nearest; among equally near ones
 * those that only relay, to leave the controller's hub its work. The hub with the controller has links of everybody. One that
 * is silent comes last, and after it those that are being drained.
 *
 * @param peerHubs  where the peer was last known to have links, as the controller said
 */
export function orderMeetingPlaces(
  places: readonly MeetingPlace[],
  peerHubs: ReadonlySet<HubId>,
): readonly MeetingPlace[] {
  const rank = ({ id, isLinked, isSilent = false, isDraining = false }: MeetingPlace) => {
    if (isDraining) return 5
    if (isSilent) return 4
    const isThere = id === undefined || peerHubs.has(id)
    if (isThere) return isLinked ? 0 : 1
    return isLinked ? 2 : 3
  }
  const near = ({ roundTripMs }: MeetingPlace) =>
    roundTripMs === undefined ? Number.POSITIVE_INFINITY : Math.floor(roundTripMs / EQUAL_MS)
  const byRelay = ({ id }: MeetingPlace) => (id === undefined ? 1 : 0)
  return [...places].sort(
    (a, b) =>
      compare(rank(a), rank(b)) ||
      compare(near(a), near(b)) ||
      compare(byRelay(a), byRelay(b)) ||
      compareIds(a.id ?? '', b.id ?? ''),
  )
}

/** Not a difference: infinite ones have none. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function compareIds(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

/** A hub must be this much nearer than one that is held … */
const STAY_FACTOR = 0.7
/** … and by this more. */
const STAY_MS = 5
/** Hubs that differ by less are equally near. */
const EQUAL_MS = 5
