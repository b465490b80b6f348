import type { Name, UserName } from '../core/model/names.ts'
import { isIdentityUser } from '../core/model/spiffe-id.ts'
import type { Subject } from '../core/policy/rule.ts'
import type { Groups } from './groups.ts'
import { ROOT_USER } from './members.ts'
import type { EndpointRecord } from './records.ts'
import type { Roles } from './roles.ts'

/** What the records say of users beside their endpoints: the one place that is asked who they are to policy. */
export interface Standing {
  /** Whether the user administers the mesh. Root always does. */
  isAdmin(user: UserName): boolean
  /** The groups that a user is in as such, by name. */
  groupsOf(user: UserName): readonly Name[]
  /** Those, and the groups that an endpoint is in by its labels. */
  groupsOfEndpoint(record: EndpointRecord): readonly Name[]
  /** The labels that rules go by: those that an administrator gave, as a user may put any others on their endpoints. */
  labelsOf(record: EndpointRecord): readonly Name[]
  /** A member as policy sees it, now. */
  subjectOf(record: EndpointRecord): Subject
  /** What service policies know an endpoint by: the words after `#`. */
  attributesOf(record: EndpointRecord): string[]
}

/** Make the view that follows from the records. */
export function createStanding({
  groups,
  roles,
}: {
  groups: Pick<Groups, 'of'>
  roles: Pick<Roles, 'isAdmin'>
}): Standing {
  // Those of a session of an identity are its role attributes.
  const labelsOf = ({ user, labels, givenLabels = [] }: EndpointRecord) =>
    isIdentityUser(user) ? labels : givenLabels
  // Not by role attributes: those are given at the Edge APIs, also by issuers of tokens, who administer no mesh.
  const groupsOfEndpoint = ({ user, givenLabels }: EndpointRecord) =>
    isIdentityUser(user) ? groups.of(user) : groups.of(user, givenLabels)
  const isAdmin = (user: UserName) => user === ROOT_USER || roles.isAdmin(user)
  return {
    isAdmin,
    groupsOf: user => groups.of(user),
    groupsOfEndpoint,
    labelsOf,
    attributesOf: record => [...new Set([...labelsOf(record), ...groupsOfEndpoint(record)])],
    subjectOf: record => ({
      user: record.user,
      endpoint: record.id,
      labels: labelsOf(record),
      groups: groupsOfEndpoint(record),
      isAdmin: isAdmin(record.user),
    }),
  }
}
