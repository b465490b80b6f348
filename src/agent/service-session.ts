import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Answer } from '../core/api/route.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { UserName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import { isIdentityUser } from '../core/model/spiffe-id.ts'
import type { DialOptions } from '../sdk/app.ts'

/** What the controller said of a service to who wants to dial it: the ticket, and who hosts it. */
export type ServiceSession = Answer<typeof CONTROLLER_API.openSession> & {
  readonly askedAtMs: number
  /** Of the session, for accounts. */
  readonly id: string
}

/** Whose endpoint must host the service there: its owner's, unless the controller owns it. */
export function hostOf({ service: { owner, hostings } }: ServiceSession, endpoint: EndpointId): UserName {
  if (!isIdentityUser(owner)) return owner
  return hostings.find(hosting => hosting.endpoint === endpoint)?.user ?? owner
}

/** Why none of the endpoints that were tried could be reached. */
export function describeAbsence(
  { service: { hostings } }: ServiceSession,
  tried: ReadonlySet<EndpointId>,
): string {
  if (hostings.length === 0) return 'nobody hosts it now'
  if (tried.size === 0) return 'nobody of those who were asked for hosts it'
  const names = hostings.filter(({ endpoint }) => tried.has(endpoint)).map(({ name }) => quote(name))
  return `offline is ${names.join(', ')}: start the agent there`
}

/** Whether a dial may go to this hosting. */
export function mayDialAt(
  { endpoint, instance }: ServiceSession['service']['hostings'][number],
  { exits = [], instance: wanted }: DialOptions,
): boolean {
  return (exits.length === 0 || exits.includes(endpoint)) && (wanted === undefined || wanted === instance)
}

/** The id of a session ticket, for accounts; who made it is not judged here. */
export function ticketId(ticket: string): string {
  try {
    const claims = JSON.parse(Buffer.from(ticket.split('.')[1] ?? '', 'base64url').toString('utf8'))
    return typeof claims?.jti === 'string' ? claims.jti : ''
  } catch {
    return ''
  }
}
