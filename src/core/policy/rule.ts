import type { EndpointId } from '../model/ids.ts'
import type { Name, ServiceName, UserName } from '../model/names.ts'
import type { Ms } from '../model/time.ts'

/** What somebody may want to do. */
export type Action =
  /** Open a stream to a service. */
  | 'dial'
  /** Host a service. */
  | 'bind'
  /** Be introduced to an endpoint and have its bytes relayed. */
  | 'meet'
  /** Learn where an endpoint is, and connect to it without a hub between. */
  | 'meet-directly'
  /** Control an endpoint: its tunnels, apps, labels, logs. */
  | 'manage'
  /** Invite, evict, see the hub's log; of an endpoint: label and remove it. */
  | 'administer'

/** Who wants it, as certificates and the controller's records prove it. */
export interface Subject {
  readonly user: UserName
  readonly endpoint: EndpointId
  readonly labels: readonly Name[]
  readonly groups: readonly Name[]
  readonly isAdmin: boolean
}

/** What it is wanted of. */
export type Resource =
  | {
      readonly kind: 'service'
      readonly service: ServiceName
      readonly owner: UserName
      /**
       * The endpoint that hosts it. Where it is absent, rules that name endpoints do not fit: to ask whether any
       * hosting may be dialled, ask of each.
       */
      readonly endpoint?: EndpointId
    }
  | {
      readonly kind: 'endpoint'
      readonly endpoint: EndpointId
      readonly owner: UserName
      readonly labels: readonly Name[]
    }
  | { readonly kind: 'mesh' }

/**
 * A set of subjects or resources: everything that fits *all* members that are present. A member that is an empty
 * list fits nothing (a group that lost its last member must not come to mean everybody).
 */
export interface Who {
  /** `*` is every member of the mesh. */
  readonly users?: readonly (UserName | '*')[]
  readonly endpoints?: readonly EndpointId[]
  /** Any endpoint but these; the one member of which an empty list fits everything, as it leaves nobody out. */
  readonly exceptEndpoints?: readonly EndpointId[]
  /** The subject has one of them at least. */
  readonly labels?: readonly Name[]
  /** The subject is in one of them at least. */
  readonly groups?: readonly Name[]
  /** The subject's user is the resource's owner. */
  readonly isOwner?: true
  readonly isAdmin?: true
}

/**
 * The resources a rule speaks of; as with `Who`, all members present must fit, and an empty list fits nothing. Only
 * services fit `services`, only endpoints fit `labels`, and the mesh fits neither these nor `endpoints` or `owners`.
 */
export interface What {
  readonly kind?: Resource['kind']
  /** `*` is every service. */
  readonly services?: readonly (ServiceName | '*')[]
  /** The endpoint itself, or the one that hosts the service. */
  readonly endpoints?: readonly EndpointId[]
  readonly owners?: readonly UserName[]
  readonly labels?: readonly Name[]
}

/** One sentence of a policy. */
export interface Rule {
  /** Shown to people and in the audit log: `tunnel tcp/web at home`. */
  readonly id: string
  readonly effect: 'allow' | 'deny'
  readonly actions: readonly Action[]
  readonly who: Who
  readonly what: What
  /** In force from this moment, to before that one; always where absent. */
  readonly fromMs?: Ms
  readonly untilMs?: Ms
}

/** The answer, and the rule that gave it: undefined where no rule spoke (which means no). */
export type Decision =
  | { readonly allow: true; readonly rule: Rule }
  | { readonly allow: false; readonly rule: Rule | undefined }
