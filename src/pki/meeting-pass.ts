import { z } from 'zod'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import { type EndpointIdentity, formatSpiffeId, type Identity } from '../core/model/spiffe-id.ts'
import type { Ms } from '../core/model/time.ts'
import { type HubTokenSigner, openHubToken, sealHubToken } from './hub-token.ts'
import { CLOCK_TOLERANCE_MS, SESSION_TICKET_VALID_MS } from './session-ticket.ts'

/** What a meeting pass says: this endpoint may meet that one for a while, at any hub. */
export interface MeetingPassClaims {
  readonly hub: Extract<Identity, { kind: 'hub' }>
  readonly from: EndpointIdentity
  readonly to: EndpointId
  /** They may be told where the other is, to connect without a hub. */
  readonly isDirect: boolean
}

/**
 * Make a meeting pass: with it hubs that only relay need to know nothing of policy, and to ask nobody.
 *
 * @param now  ms since the epoch; it is good for `MEETING_PASS_VALID_MS` from then
 */
export async function sealMeetingPass(
  signer: HubTokenSigner,
  { hub, from, to, isDirect }: MeetingPassClaims,
  now: Ms,
): Promise<{ pass: string; expiresAtMs: number }> {
  const iat = Math.floor(now / 1_000)
  const exp = iat + MEETING_PASS_VALID_MS / 1_000
  const pass = await sealHubToken(signer, TYPE, {
    iss: formatSpiffeId(hub),
    sub: formatSpiffeId(from),
    aud: hub.mesh,
    meet: to,
    ...(isDirect && { dir: true }),
    iat,
    exp,
  })
  return { pass, expiresAtMs: exp * 1_000 }
}

/** For whom a pass is shown, and by whose root it is judged. */
export interface MeetingPassCheck {
  /** Root certificate of the mesh. */
  readonly rootPem: string
  readonly now: Ms
  /** Who shows it, as its own certificate proves. */
  readonly from: EndpointIdentity
  readonly to: EndpointId
}

/**
 * Check a meeting pass without asking anybody: made by a hub with the controller, for these two, and now.
 *
 * @returns whether they may also be told where the other is
 * @throws MeshError `bad-ticket`
 */
export function checkMeetingPass(pass: string, check: MeetingPassCheck): { isDirect: boolean } {
  const { from, to, now } = check
  const { claims, hub } = openHubToken(pass, { ...check, type: TYPE, shape: claimsShape, bad })
  const { iss, sub, aud, meet, dir = false, iat, exp } = claims
  if (iss !== formatSpiffeId(hub)) throw bad('its maker is not the hub that signed it')
  if (aud !== hub.mesh) throw bad('it is of another mesh')
  if (sub !== formatSpiffeId(from)) throw bad('it is for another endpoint')
  if (meet !== to) throw bad('it is for meeting another endpoint')
  if (exp <= iat || exp - iat > MEETING_PASS_VALID_MS / 1_000) throw bad('its times make no sense')
  if (now / 1_000 >= exp + CLOCK_TOLERANCE_MS / 1_000) throw bad('it is expired: ask for a new one')
  if (now / 1_000 < iat - CLOCK_TOLERANCE_MS / 1_000) throw bad('it is from the future: set the clocks')
  return { isDirect: dir }
}

function bad(why: string, cause?: unknown): MeshError {
  return new MeshError('bad-ticket', `Cannot accept meeting pass: ${why}`, { cause })
}

/** How long a pass is good: as long as a session ticket, without which no stream is opened. */
export const MEETING_PASS_VALID_MS = SESSION_TICKET_VALID_MS

const TYPE = 'ztm-meeting+jwt'
const claimsShape = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.string(),
  meet: z.string(),
  dir: z.literal(true).optional(),
  iat: z.int().nonnegative(),
  exp: z.int().nonnegative(),
})
