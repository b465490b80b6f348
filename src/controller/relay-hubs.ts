import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { hubNamesShape, type KnownHub, MAX_RELAY_HUBS } from '../core/api/hubs-api.ts'
import { type HubInfo, hubIdShape, msShape, userShape } from '../core/api/shapes.ts'
import { parseAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { type EndpointId, type HubId, parseHubId } from '../core/model/ids.ts'
import type { UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import { openTable } from './table.ts'
import { randomUuid } from './uuid.ts'

/** `relay-hub/<uuid>`: a hub that only relays, from its invitation on. */
const relayHubRecordShape = z.object({
  version: z.literal(1),
  id: hubIdShape,
  by: userShape,
  createdAtMs: msShape,
  /** When its token ends. */
  expiresAtMs: msShape,
  /** SHA-256 of the secret half of the token, base64url. */
  secretHash: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  /** It is being drained. */
  isDraining: z.literal(true).optional(),
  /** Absent until the token was used. */
  enrolled: z
    .object({
      /** Fingerprint of its key. */
      key: z.string().min(16).max(128),
      names: hubNamesShape,
      atMs: msShape,
      certificateExpiresAtMs: msShape,
    })
    .optional(),
})
/** A hub that only relays, as stored. */
export type RelayHubRecord = z.output<typeof relayHubRecordShape>

/** What a hub said of itself last. */
export type HubStatus = Pick<HubInfo, 'version' | 'startedAtMs' | 'linkCount' | 'relayCount' | 'relayedBytes'>

/** The hubs that only relay, and whose links they have. */
export interface RelayHubs {
  /** Of the hub with the controller: kept until it is started again. */
  readonly own: { isDraining: boolean }
  get(id: HubId): RelayHubRecord | undefined
  /** Let one more in. @returns its token, which is shown this once @throws MeshError `too-many` */
  invite(by: UserName, validMs: number): Promise<{ record: RelayHubRecord; token: string }>
  /** The hub of a token. @throws MeshError `bad-permit`, `permit-expired`, `permit-used` */
  find(token: string, key: string): RelayHubRecord
  put(record: RelayHubRecord): Promise<void>
  remove(id: HubId): Promise<void>
  known(): readonly KnownHub[]
  list(): readonly HubInfo[]
  /** It has a feed now. @returns a function for when that ended */
  connected(id: HubId): () => void
  reported(id: HubId, status: HubStatus): void
  /** Its links: all anew, or some more and some less. */
  linked(
    id: HubId,
    change: { isFirst: boolean; opened: Iterable<EndpointId>; closed: Iterable<EndpointId> },
  ): void
  /** The hubs that said they have a link of this endpoint, and are heard of now. */
  withLinkOf(endpoint: EndpointId): readonly HubId[]
}

interface Heard {
  feeds: number
  status: HubStatus | undefined
  readonly links: Set<EndpointId>
}

/** Load them. */
export async function openRelayHubs(
  context: Pick<Context, 'store' | 'log' | 'random' | 'clock'>,
): Promise<RelayHubs> {
  const { store, log, random, clock } = context
  const shape = relayHubRecordShape
  const table = await openTable({ store, log, prefix: 'relay-hub', shape, idOf: record => record.id })
  const heard = new Map<HubId, Heard>()
  const heardOf = (id: HubId): Heard => {
    const known = heard.get(id) ?? { feeds: 0, status: undefined, links: new Set<EndpointId>() }
    heard.set(id, known)
    return known
  }
  const enrolled = () => [...table.values()].filter(({ enrolled }) => enrolled !== undefined)

  async function makeRoom(): Promise<void> {
    const now = clock.now()
    for (const record of [...table.values()])
      if (record.enrolled === undefined && record.expiresAtMs <= now) await table.delete(record.id)
    if (table.size < MAX_RELAY_HUBS) return
    throw new MeshError('too-many', `Cannot let hub in: ${MAX_RELAY_HUBS} are known: remove one`)
  }

  return {
    own: { isDraining: false },
    get: id => table.get(id),
    async invite(by, validMs) {
      await makeRoom()
      const id = parseHubId(randomUuid(random))
      const secret = Buffer.from(random(SECRET_BYTES)).toString('base64url')
      const now = clock.now()
      const secretHash = hashOf(secret).toString('base64url')
      const record = { version: 1, id, by, createdAtMs: now, expiresAtMs: now + validMs, secretHash } as const
      await table.put(record)
      return { record, token: `${tokenId(id)}${secret}` }
    },
    find(token, key) {
      const record = [...table.values()].find(({ id }) => tokenId(id) === token.slice(0, TOKEN_ID_DIGITS))
      const expected = Buffer.from(record?.secretHash ?? NO_HASH, 'base64url')
      if (!timingSafeEqual(hashOf(token.slice(TOKEN_ID_DIGITS)), expected) || record === undefined)
        throw new MeshError('bad-permit', 'Cannot enrol hub: token unknown in this mesh: ask for a new one')
      // The same key again: the answer to its first call was lost.
      if (record.enrolled !== undefined && record.enrolled.key !== key)
        throw new MeshError('permit-used', 'Cannot enrol hub: this token was used: ask for a new one')
      if (record.enrolled === undefined && record.expiresAtMs <= clock.now())
        throw new MeshError('permit-expired', 'Cannot enrol hub: this token has ended: ask for a new one')
      return record
    },
    put: record => table.put(record),
    async remove(id) {
      await table.delete(id)
      heard.delete(id)
    },
    known: () => enrolled().map(describe),
    list: () =>
      enrolled().map(({ enrolled, ...record }) => ({
        ...describe({ ...record, enrolled }),
        ...(heard.get(record.id)?.status ?? NOTHING_SAID),
        certificateExpiresAtMs: enrolled?.certificateExpiresAtMs ?? 0,
        isRelay: true,
        isOnline: (heard.get(record.id)?.feeds ?? 0) > 0,
      })),
    connected(id) {
      heardOf(id).feeds += 1
      return () => {
        const known = heard.get(id)
        if (known === undefined) return
        known.feeds -= 1
        if (known.feeds <= 0) known.links.clear()
      }
    },
    reported(id, status) {
      heardOf(id).status = status
    },
    linked(id, { isFirst, opened, closed }) {
      const { links } = heardOf(id)
      if (isFirst) links.clear()
      for (const endpoint of closed) links.delete(endpoint)
      for (const endpoint of opened) links.add(endpoint)
    },
    withLinkOf: endpoint =>
      [...heard].flatMap(([id, { feeds, links }]) => (feeds > 0 && links.has(endpoint) ? [id] : [])),
  }
}

/** Names as hubs give them. @throws MeshError `bad-input` */
export function requireHubNames(names: readonly string[]): void {
  for (const name of names) {
    const { host, port } = parseAddress(name, '')
    if (host === '' || port === 0)
      throw new MeshError('bad-input', 'Cannot use names of hub: write HOST:PORT, as agents outside reach it')
  }
}

function describe({
  id,
  enrolled,
  isDraining,
}: Pick<RelayHubRecord, 'id' | 'enrolled' | 'isDraining'>): KnownHub {
  return { id, names: [...(enrolled?.names ?? [])], ...(isDraining && { isDraining }) }
}

function tokenId(id: HubId): string {
  return id.replaceAll('-', '').slice(0, TOKEN_ID_DIGITS)
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

const TOKEN_ID_DIGITS = 16
const SECRET_BYTES = 32
const NO_HASH = Buffer.alloc(32).toString('base64url')
const NOTHING_SAID: HubStatus = { version: '', startedAtMs: 0, linkCount: 0, relayCount: 0, relayedBytes: 0 }
