/** How much one mesh may make its controller keep. Each is a count; docs/limits.md explains them. */
export interface ControllerLimits {
  /** Endpoints of the mesh. */
  readonly endpoints: number
  readonly servicesPerUser: number
  readonly services: number
  readonly hostingsPerService: number
  readonly hostingsPerUser: number
  /** Users, groups and entrances in the access lists of one user's hostings, all together. */
  readonly accessEntriesPerUser: number
  /** Invitations that can still be used. */
  readonly openInvitations: number
  /** Invitations in any state; the oldest closed ones make room. */
  readonly invitations: number
  /** Streams whose usage is kept; the oldest that are charged make room. */
  readonly usageRecords: number
  /** Of these, those that one user dialled and that are not charged yet. */
  readonly usageRecordsPerUser: number
  /** Beside root. */
  readonly administrators: number
  readonly groups: number
  readonly usersPerGroup: number
  /** Users in groups, one who is in two counted twice. */
  readonly groupMembers: number
  /** Evictions in force: all of them fit the first line of a link (`MAX_EVENT_BYTES`). */
  readonly evictions: number
  /** Refused enrolments from one address in a minute. */
  readonly enrolmentFailuresPerMinute: number
  /** Addresses whose failures are counted at one time. */
  readonly enrolmentAddresses: number
}

/** The limits where none are given. */
export const DEFAULT_LIMITS: ControllerLimits = {
  endpoints: 20_000,
  servicesPerUser: 1_000,
  services: 10_000,
  hostingsPerService: 1_000,
  hostingsPerUser: 10_000,
  accessEntriesPerUser: 100_000,
  openInvitations: 1_000,
  invitations: 5_000,
  usageRecords: 50_000,
  usageRecordsPerUser: 5_000,
  administrators: 100,
  groups: 1_000,
  usersPerGroup: 1_000,
  groupMembers: 20_000,
  evictions: 2_000,
  enrolmentFailuresPerMinute: 10,
  enrolmentAddresses: 10_000,
}
