import type { UserName } from '../core/model/names.ts'
import type { Subject } from '../core/policy/rule.ts'
import type { Groups } from './groups.ts'
import { ROOT_USER } from './members.ts'
import type { EndpointRecord } from './records.ts'

/** What the records say of users beside their endpoints: the one place that is asked who they are to policy. */
export interface Standing {
  isAdmin(user: UserName): boolean
  /** A member as policy sees it, now. */
  subjectOf(record: EndpointRecord): Subject
}

/** Make the view that follows from the records. */
export function createStanding({ groups }: { groups: Pick<Groups, 'of'> }): Standing {
  const isAdmin = (user: UserName) => user === ROOT_USER
  return {
    isAdmin,
    subjectOf: ({ user, id, labels }) => ({
      user,
      endpoint: id,
      labels,
      groups: groups.of(user),
      isAdmin: isAdmin(user),
    }),
  }
}
