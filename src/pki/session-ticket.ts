import { z } from 'zod'
import { MeshError } from '../core/model/errors.ts'
import {
  type Name,
  parseName,
  parseServiceName,
  parseUserName,
  type ServiceName,
  type UserName,
} from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import { type EndpointIdentity, formatSpiffeId, type Identity } from '../core/model/spiffe-id.ts'
import type { Ms } from '../core/model/time.ts'
import { type HubTokenSigner, MAX_HUB_TOKEN_CHARACTERS, openHubToken, sealHubToken } from './hub-token.ts'

/** What a ticket says: this endpoint may dial this service of that owner for a while. */
export interface SessionTicketClaims {
  readonly hub: Extract<Identity, { kind: 'hub' }>
  readonly dialler: EndpointIdentity
  readonly service: ServiceName
  readonly owner: UserName
  /** Unguessable, and never twice. */
  readonly id: string
  /** Service policies of the controller let the dialler in, wherever the hosting agent follows them. */
  readonly isByPolicy?: boolean
  /** The groups that the dialler is in; those for which there is no room are left out. */
  readonly groups?: readonly Name[]
  /** Streams that are opened with it are metered: both ends report what they carried, while they last this often. */
  readonly reportEveryMs?: number
}

/**
 * Make a session ticket: a JWS signed by the hub with its chain in the header, so that a hosting agent can check it
 * with nothing but the mesh's root.
 *
 * @param now  ms since the epoch; the ticket is good for `SESSION_TICKET_VALID_MS` from then
 * @see docs/decisions/0008-session-tickets.md
 */
export async function sealSessionTicket(
  signer: HubTokenSigner,
  claims: SessionTicketClaims,
  now: Ms,
): Promise<{ ticket: string; expiresAtMs: number }> {
  const { hub, dialler, service, owner, id, isByPolicy, groups = [], reportEveryMs } = claims
  // To the millisecond: what is taken back is told by it from what was given after.
  const issuedAt = now / 1_000
  const expiresAt = Math.floor(issuedAt) + SESSION_TICKET_VALID_MS / 1_000
  const ticket = await sealHubToken(signer, TYPE, {
    svc: service,
    own: owner,
    ...(isByPolicy && { pol: true }),
    ...(groups.length > 0 && { grp: fitting(groups) }),
    ...(reportEveryMs !== undefined && { mtr: Math.ceil(reportEveryMs / 1_000) }),
    iss: formatSpiffeId(hub),
    sub: formatSpiffeId(dialler),
    aud: hub.mesh,
    iat: issuedAt,
    exp: expiresAt,
    jti: id,
  })
  return { ticket, expiresAtMs: expiresAt * 1_000 }
}

/** For what a ticket is shown, and by whose root it is judged. */
export interface SessionTicketCheck {
  /** Root certificate of the mesh. */
  readonly rootPem: string
  readonly now: Ms
  /** SPIFFE ID of the endpoint that shows it, as its own certificate proves. */
  readonly dialler: string
  /** The service it wants to dial. */
  readonly service: ServiceName
}

/** What a good ticket says. */
export interface CheckedSessionTicket {
  readonly owner: UserName
  readonly issuedAtMs: number
  /** By the hub's clock; the ticket is accepted until `CLOCK_TOLERANCE_MS` later by ours. */
  readonly expiresAtMs: number
  readonly id: string
  readonly isByPolicy: boolean
  /** Groups that the dialler was in when it was issued. */
  readonly groups: readonly Name[]
  /** Absent where nobody wants to know what its streams carry. */
  readonly reportEveryMs?: number
}

/**
 * Check a session ticket without asking anybody: made by a hub of this mesh with a controller, for this dialler and
 * service, and now.
 *
 * @throws MeshError `bad-ticket`
 * @see RFC 7515, section 5.2; RFC 8725
 */
export function checkSessionTicket(token: string, check: SessionTicketCheck): CheckedSessionTicket {
  const { claims, hub } = openHubToken(token, { ...check, type: TYPE, shape: claimsShape, bad })
  checkClaims(claims, hub, check)
  const { own: owner, iat, exp, jti: id, pol = false, grp = [], mtr } = claims
  const checked = {
    owner,
    issuedAtMs: Math.round(iat * 1_000),
    expiresAtMs: exp * 1_000,
    id,
    isByPolicy: pol,
    groups: grp,
  }
  return mtr === undefined ? checked : { ...checked, reportEveryMs: mtr * 1_000 }
}

function checkClaims(claims: z.output<typeof claimsShape>, hub: Identity, check: SessionTicketCheck): void {
  const { iss, sub, aud, svc, iat, exp } = claims
  if (iss !== formatSpiffeId(hub)) throw bad('its maker is not the hub that signed it')
  if (aud !== hub.mesh) throw bad('it is of another mesh')
  if (sub !== check.dialler) throw bad('it is for another endpoint')
  if (svc !== check.service) throw bad(`it is for ${quote(svc)}, not for ${quote(check.service)}`)
  const nowSeconds = check.now / 1_000
  if (exp <= iat || exp - iat > SESSION_TICKET_VALID_MS / 1_000) throw bad('its times make no sense')
  if (nowSeconds >= exp + CLOCK_TOLERANCE_MS / 1_000) throw bad('it is expired: ask for a new one')
  if (nowSeconds < iat - CLOCK_TOLERANCE_MS / 1_000) throw bad('it is from the future: set the clocks')
}

/** As many as there is room for, so that no ticket is too long to be taken. */
function fitting(groups: readonly Name[]): readonly Name[] {
  const isTooMuch = (names: readonly Name[]) =>
    names.length > MAX_TICKET_GROUPS || Buffer.byteLength(JSON.stringify(names)) > MAX_TICKET_GROUP_BYTES
  let names = groups
  while (isTooMuch(names)) names = names.slice(0, -1)
  return names
}

function bad(why: string, cause?: unknown): MeshError {
  return new MeshError('bad-ticket', `Cannot accept session ticket: ${why}`, { cause })
}

/** A value that one of the parsers of `core/model` accepts. */
function parsedBy<T extends string>(parse: (value: unknown) => T): z.ZodType<T> {
  return z.custom<T>(value => {
    try {
      return parse(value) === value
    } catch {
      return false
    }
  })
}

/** How long a ticket is good. */
export const SESSION_TICKET_VALID_MS = 300_000
/** How far the clocks of hub and host may be apart, either way: as far as enrolment lets them. */
export const CLOCK_TOLERANCE_MS = 300_000
/** Groups that one endpoint may be in, as each ticket names them all. */
export const MAX_TICKET_GROUPS = 32
/** Bytes of their names, as JSON: of each ticket they make 2,731 characters at most. */
export const MAX_TICKET_GROUP_BYTES = 2_048
/** The longest ticket that is looked at; ours have about 3,000 characters, and those of the groups. */
export const MAX_SESSION_TICKET_CHARACTERS = MAX_HUB_TOKEN_CHARACTERS

const TYPE = 'ztm-session+jwt'

// Not strict: a claim that a newer hub adds is ignored (RFC 7519, section 4). One that must not be comes with the header
// member `crit`, which whoever does not know the claim refuses above.
const claimsShape = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.string(),
  svc: parsedBy(parseServiceName),
  own: parsedBy(parseUserName),
  iat: z.number().nonnegative(),
  exp: z.int().nonnegative(),
  jti: z.string().min(1).max(64),
  pol: z.literal(true).optional(),
  grp: z.array(parsedBy(parseName)).max(MAX_TICKET_GROUPS).optional(),
  /** Seconds between reports of usage. */
  mtr: z.int().min(1).max(3_600).optional(),
})
