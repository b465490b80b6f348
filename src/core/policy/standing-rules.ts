import type { EndpointId } from '../model/ids.ts'
import type { Name, ServiceName, UserName } from '../model/names.ts'
import { quote } from '../model/quote.ts'
import type { Ms } from '../model/time.ts'
import { decide } from './decide.ts'
import type { Decision, Resource, Rule, Subject } from './rule.ts'

/**
 * The rules every mesh starts with. They stand beside those that people write, and being allows, give way to every
 * deny. There is none for `dial` but the owner's: nothing is reachable until somebody allows it.
 */
export const STANDING_RULES: readonly Rule[] = [
  {
    id: 'owners dial their own services',
    effect: 'allow',
    actions: ['dial'],
    who: { isOwner: true },
    what: { kind: 'service' },
  },
  {
    id: 'owners manage and meet their own endpoints',
    effect: 'allow',
    actions: ['manage', 'meet'],
    who: { isOwner: true },
    what: { kind: 'endpoint' },
  },
  {
    // Asked only of those who may meet.
    id: 'who may meet may meet directly',
    effect: 'allow',
    actions: ['meet-directly'],
    who: { users: ['*'] },
    what: { kind: 'endpoint' },
  },
  {
    // Whose name it is, and at whose endpoint, the controller sees to before it asks.
    id: 'members host services',
    effect: 'allow',
    actions: ['bind'],
    who: { users: ['*'] },
    what: { kind: 'service' },
  },
  {
    id: 'administrators administer the mesh and meet its endpoints',
    effect: 'allow',
    actions: ['administer', 'meet'],
    who: { isAdmin: true },
    what: {},
  },
]

/** All bytes between the endpoints of the mesh go by its hubs, and no two are introduced to connect by themselves. */
export const FORBID_DIRECT: Rule = {
  id: 'no direct paths in this mesh',
  effect: 'deny',
  actions: ['meet-directly'],
  who: {},
  what: {},
}

/** A service hosted at the endpoint in question. */
export interface HostedService {
  readonly service: ServiceName
  readonly owner: UserName
}

/**
 * Decide whether `subject` may be introduced to an endpoint and have its bytes relayed there. It may where it has
 * some business: a rule allows `meet`, it may manage the endpoint, or it may dial a service hosted there. A rule that
 * denies `meet` keeps it away whatever else is allowed.
 *
 * @param hosted  the services hosted at `endpoint`
 * @param rules   all that may speak of the endpoint and of those services, the standing ones included
 * @param now     ms since the epoch
 * @returns the answer and its rule; without business, a rule that denied it some, if one did
 */
export function mayMeet(
  subject: Subject,
  endpoint: Extract<Resource, { kind: 'endpoint' }>,
  hosted: readonly HostedService[],
  rules: readonly Rule[],
  now: Ms,
): Decision {
  const meet = decide(subject, 'meet', endpoint, rules, now)
  if (meet.rule !== undefined) return meet
  const manage = decide(subject, 'manage', endpoint, rules, now)
  if (manage.allow) return manage
  let refusal = manage
  for (const { service, owner } of hosted) {
    const resource = { kind: 'service', service, owner, endpoint: endpoint.endpoint } as const
    const dial = decide(subject, 'dial', resource, rules, now)
    if (dial.allow) return dial
    if (refusal.rule === undefined) refusal = dial
  }
  return refusal
}

/**
 * Decide whether `subject` may be told where an endpoint is, to connect to it without a hub: only if it may meet it, and
 * then unless a rule denies it.
 *
 * @param meet  what `mayMeet` said of the two
 */
export function mayMeetDirectly(
  meet: Decision,
  subject: Subject,
  endpoint: Extract<Resource, { kind: 'endpoint' }>,
  rules: readonly Rule[],
  now: Ms,
): Decision {
  return meet.allow ? decide(subject, 'meet-directly', endpoint, rules, now) : meet
}

/** The access list of a hosting, as `accessShape` of core/api reads it. */
export interface AccessList {
  /** Users who may dial besides the owner; `*` is every member of the mesh. */
  readonly users: readonly (UserName | '*')[]
  /** Groups whose members may; none where absent or empty. */
  readonly groups?: readonly Name[] | undefined
  /** Endpoints one may dial from; empty means from any. */
  readonly entrances: readonly EndpointId[]
}

/**
 * The rules that a hosting's access list stands for: its owner, the listed users and the members of the listed groups
 * may dial, and where entrances are listed, nobody may from elsewhere. The latter is a deny, so that neither another rule nor being the owner opens a
 * way in that the list does not show.
 *
 * They hold for this service at this endpoint while it is this owner's: should the name become another user's, they
 * fit no longer.
 *
 * @param endpoint  the one that hosts it
 */
export function accessRules(
  service: ServiceName,
  endpoint: EndpointId,
  owner: UserName,
  { users, groups = [], entrances }: AccessList,
): Rule[] {
  const what = { kind: 'service', services: [service], endpoints: [endpoint], owners: [owner] } as const
  const listed: Rule = {
    id: `access to ${service} at ${endpoint}`,
    effect: 'allow',
    actions: ['dial'],
    who: { users: [owner, ...users] },
    what,
  }
  const members: Rule = { ...listed, id: `groups of ${service} at ${endpoint}`, who: { groups } }
  const allowing = groups.length === 0 ? [listed] : [listed, members]
  if (entrances.length === 0) return allowing
  const elsewhere: Rule = {
    id: `entrances of ${service} at ${endpoint}`,
    effect: 'deny',
    actions: ['dial'],
    who: { exceptEndpoints: entrances },
    what,
  }
  return [elsewhere, ...allowing]
}

/**
 * A decision for a person, to follow a colon: `denied by policy "contractors-readonly"`, `no policy allows it`,
 * `allowed by policy "ops"`.
 */
export function explain(decision: Decision): string {
  if (decision.rule === undefined) return 'no policy allows it'
  return `${decision.allow ? 'allowed' : 'denied'} by policy ${quote(decision.rule.id, 200)}`
}
