import { quoteForFilter } from '../../core/edge/edge-client.ts'
import type { Collection } from './collection.ts'

/** Whose tokens are good for a login. */
export const SIGNERS: Collection = {
  kind: 'signer',
  title: 'edge.signer.title',
  about: 'edge.signer.about',
  searched: ['name', 'issuer', 'audience'],
  columns: [
    { title: 'edge.issuer', show: 'text', of: ['issuer'] },
    { title: 'edge.audience', show: 'text', of: ['audience'] },
  ],
  state: ({ enabled }) =>
    enabled === true
      ? { text: 'edge.state.enabled', mood: 'well' }
      : { text: 'edge.state.disabled', mood: 'resting' },
  form: {
    base: { enabled: true, useExternalId: true, claimsProperty: 'sub' },
    fields: [
      { is: 'text', member: 'issuer', label: 'edge.issuer', flag: '--issuer', isRequired: true },
      { is: 'text', member: 'audience', label: 'edge.audience', flag: '--audience', isRequired: true },
      { is: 'text', member: 'jwksEndpoint', label: 'edge.jwks', flag: '--jwks' },
      { is: 'pem', member: 'certPem', label: 'edge.certPem' },
      { is: 'text', member: 'kid', label: 'edge.kid', flag: '--kid' },
      { is: 'text', member: 'claimsProperty', label: 'edge.claim', flag: '--claim' },
      { is: 'switch', member: 'useExternalId', label: 'edge.useExternalId', offFlag: '--by-id' },
      { is: 'text', member: 'clientId', label: 'edge.clientId', flag: '--client-id' },
      { is: 'texts', member: 'scopes', label: 'edge.scopes', flag: '--scopes' },
      { is: 'text', member: 'externalAuthUrl', label: 'edge.authUrl', flag: '--auth-url' },
      {
        is: 'switch',
        member: 'enabled',
        label: 'edge.state.enabled',
        flag: '--enabled',
        offFlag: '--disabled',
      },
    ],
  },
  related: [],
  deleteAsk: 'edge.signer.deleteAsk',
}

/** Which logins are good for which identities. */
export const AUTH_POLICIES: Collection = {
  kind: 'auth-policy',
  title: 'edge.auth-policy.title',
  about: 'edge.auth-policy.about',
  searched: ['name'],
  columns: [
    { title: 'edge.login.cert', show: 'yes', of: ['primary.cert.allowed'] },
    { title: 'edge.login.extJwt', show: 'yes', of: ['primary.extJwt.allowed'] },
    { title: 'edge.login.updb', show: 'yes', of: ['primary.updb.allowed'] },
    { title: 'edge.login.apiKey', show: 'yes', of: ['primary.apiKey.allowed'] },
  ],
  form: {
    base: {
      primary: {
        cert: { allowed: true, allowExpiredCerts: false },
        extJwt: { allowed: true, allowedSigners: [] },
        updb: {
          allowed: true,
          minPasswordLength: 8,
          requireSpecialChar: false,
          requireNumberChar: false,
          requireMixedCase: false,
          maxAttempts: 5,
          lockoutDurationMinutes: 5,
        },
        apiKey: { allowed: true },
      },
      secondary: {},
    },
    fields: [
      { is: 'switch', member: 'primary.cert.allowed', label: 'edge.login.cert' },
      { is: 'switch', member: 'primary.extJwt.allowed', label: 'edge.login.extJwt' },
      {
        is: 'several',
        kind: 'signer',
        member: 'primary.extJwt.allowedSigners',
        label: 'edge.allowedSigners',
        flag: '--signers',
      },
      { is: 'switch', member: 'primary.apiKey.allowed', label: 'edge.login.apiKey' },
      { is: 'switch', member: 'primary.updb.allowed', label: 'edge.login.updb' },
      {
        is: 'count',
        min: 1,
        max: 1_024,
        member: 'primary.updb.minPasswordLength',
        label: 'edge.minLength',
        flag: '--min-length',
      },
      { is: 'count', min: 0, max: 1_000, member: 'primary.updb.maxAttempts', label: 'edge.maxAttempts' },
      {
        is: 'count',
        min: 0,
        max: 525_600,
        member: 'primary.updb.lockoutDurationMinutes',
        label: 'edge.lockout',
      },
      {
        is: 'one',
        kind: 'signer',
        member: 'secondary.requireExtJwtSigner',
        label: 'edge.secondSigner',
        flag: '--second-signer',
      },
    ],
  },
  related: [
    {
      title: 'edge.identity.title',
      kind: 'identity',
      filter: id => `authPolicyId = ${quoteForFilter(id)}`,
    },
  ],
  deleteAsk: 'edge.auth-policy.deleteAsk',
}
