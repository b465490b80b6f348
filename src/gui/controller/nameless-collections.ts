import type { Collection, EntityColumn } from './collection.ts'

const identity: EntityColumn = { title: 'edge.identity', show: 'text', of: ['identity.name', 'identityId'] }
const service: EntityColumn = { title: 'service.name', show: 'text', of: ['service.name', 'serviceId'] }
const made: EntityColumn = { title: 'edge.made', show: 'when', of: ['createdAt'] }
const expires: EntityColumn = { title: 'invitation.expires', show: 'when', of: ['expiresAt'] }
const method: EntityColumn = { title: 'edge.method', show: 'text', of: ['method'] }

/** One-time ways in that are open. */
export const ENROLLMENTS: Collection = {
  kind: 'enrollment',
  title: 'edge.enrollment.title',
  about: 'edge.enrollment.about',
  searched: ['identityId', 'method'],
  columns: [identity, method, made, expires],
  related: [],
  deleteAsk: 'edge.enrollment.deleteAsk',
  deleteWord: 'invitation.revoke',
  isNameless: true,
}

/** Ways in that identities have. */
export const AUTHENTICATORS: Collection = {
  kind: 'authenticator',
  title: 'edge.authenticator.title',
  about: 'edge.authenticator.about',
  searched: ['identityId', 'method', 'username'],
  columns: [
    identity,
    method,
    { title: 'edge.login', show: 'text', of: ['username', 'prefix', 'fingerprint'] },
    made,
    expires,
  ],
  related: [],
  deleteAsk: 'edge.authenticator.deleteAsk',
  isNameless: true,
}

/** Who hosts what. */
export const TERMINATORS: Collection = {
  kind: 'terminator',
  title: 'edge.terminator.title',
  about: 'edge.terminator.about',
  searched: ['precedence'],
  columns: [
    service,
    { title: 'edge.host', show: 'text', of: ['host.name', 'hostId'] },
    { title: 'edge.precedence', show: 'text', of: ['precedence'] },
    { title: 'edge.cost', show: 'text', of: ['cost'] },
  ],
  state: ({ isHosting, isOnline }) =>
    isHosting === false
      ? { text: 'edge.state.planned', mood: 'waiting' }
      : isOnline === true
        ? { text: 'state.online', mood: 'well' }
        : { text: 'state.offline', mood: 'resting' },
  form: {
    isChangeOnly: true,
    base: {},
    fields: [
      { is: 'count', min: 0, max: 65_535, member: 'cost', label: 'edge.cost', flag: '--cost' },
      {
        is: 'choice',
        choices: ['required', 'default', 'failed'],
        member: 'precedence',
        label: 'edge.precedence',
        flag: '--precedence',
      },
    ],
  },
  related: [],
  deleteAsk: 'edge.terminator.deleteAsk',
  isNameless: true,
}

/** Rights to dial or host that were asked for. */
export const SESSIONS: Collection = {
  kind: 'session',
  title: 'edge.session.title',
  about: 'edge.session.about',
  searched: ['type'],
  columns: [identity, { title: 'edge.allows', show: 'text', of: ['type'] }, service, made],
  related: [],
  deleteAsk: 'edge.session.deleteAsk',
  deleteWord: 'edge.end',
  isNameless: true,
}

/** Logins of programs and people. */
export const API_SESSIONS: Collection = {
  kind: 'api-session',
  title: 'edge.api-session.title',
  about: 'edge.api-session.about',
  searched: ['ipAddress'],
  columns: [
    identity,
    { title: 'endpoint.address', show: 'text', of: ['ipAddress'] },
    method,
    made,
    { title: 'endpoint.lastSeen', show: 'when', of: ['lastActivityAt'] },
    expires,
  ],
  related: [],
  deleteAsk: 'edge.api-session.deleteAsk',
  deleteWord: 'edge.end',
  isNameless: true,
}
