import { X509Certificate } from 'node:crypto'
import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { entityBase } from '../../core/edge/envelope.ts'
import { type AuthPolicyRecord, DEFAULT_AUTH_POLICY, type SignerRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { type EntityKind, NAMED_SYMBOLS } from './entity-kind.ts'
import { isDiscoverable } from './key-set-address.ts'
import {
  type AuthPolicyInput,
  authPolicyInput,
  authPolicyPatch,
  type SignerInput,
  signerInput,
} from './management-shapes.ts'
import { refuseReferenced } from './role-references.ts'

/** Whose tokens are good for a login. */
export function signerKind(tables: EdgeTables): EntityKind<SignerRecord, SignerInput> {
  return {
    type: 'external-jwt-signers',
    entities: tables.signers,
    input: signerInput,
    symbols: {
      ...NAMED_SYMBOLS,
      issuer: { type: 'string' },
      audience: { type: 'string' },
      enabled: { type: 'boolean' },
      kid: { type: 'string' },
    },
    make: (input, base) => makeSigner(tables, input, base),
    inputOf: ({ version, id, createdAtMs, updatedAtMs, fingerprint, ...input }) => input,
    mayDelete(record) {
      const users = tables.authPolicies
        .list()
        .filter(
          ({ primary, secondary }) =>
            primary.extJwt.allowedSigners.includes(record.id) || secondary.requireExtJwtSigner === record.id,
        )
      refuseReferenced('The signer', users)
    },
    show(record) {
      const { id, createdAtMs, updatedAtMs, version, tags, ...rest } = record
      return { ...entityBase('external-jwt-signers', record), ...rest, commonName: '' }
    },
  }
}

function makeSigner(
  tables: EdgeTables,
  input: SignerInput,
  base: Parameters<EntityKind<SignerRecord, SignerInput>['make']>[1],
): SignerRecord {
  const { certPem, jwksEndpoint, kid } = input
  const isSilent = certPem == null && jwksEndpoint == null
  if ((certPem != null && jwksEndpoint != null) || (isSilent && !isDiscoverable(input.issuer))) {
    const wanted =
      'give either jwksEndpoint, or certPem and kid, or neither for an issuer that is a web address'
    throw fieldError('jwksEndpoint', wanted)
  }
  if (certPem != null && kid == null) throw fieldError('kid', 'is required with certPem')
  const second = tables.signers
    .by('issuer', input.issuer)
    .find(other => other.id !== base.id && (other.kid ?? '') === (kid ?? ''))
  if (second !== undefined) throw fieldError('issuer', 'another signer has it already', input.issuer)
  if (input.enrollAuthPolicyId != null)
    requireAuthPolicy(tables, input.enrollAuthPolicyId, 'enrollAuthPolicyId')
  return {
    ...base,
    name: input.name,
    issuer: input.issuer,
    audience: input.audience,
    enabled: input.enabled,
    ...(jwksEndpoint != null && { jwksEndpoint }),
    ...(certPem != null && { certPem, fingerprint: fingerprintOf(certPem) }),
    ...(kid != null && { kid }),
    claimsProperty: input.claimsProperty ?? 'sub',
    useExternalId: input.useExternalId ?? true,
    ...(input.clientId != null && { clientId: input.clientId }),
    scopes: input.scopes ?? [],
    ...(input.externalAuthUrl != null && { externalAuthUrl: input.externalAuthUrl }),
    targetToken: input.targetToken ?? 'ACCESS',
    enrollToCertEnabled: input.enrollToCertEnabled ?? false,
    enrollToTokenEnabled: input.enrollToTokenEnabled ?? false,
    ...(input.enrollNameClaimsSelector != null && {
      enrollNameClaimsSelector: input.enrollNameClaimsSelector,
    }),
    ...(input.enrollAttributeClaimsSelector != null && {
      enrollAttributeClaimsSelector: input.enrollAttributeClaimsSelector,
    }),
    ...(input.enrollAuthPolicyId != null && { enrollAuthPolicyId: input.enrollAuthPolicyId }),
  }
}

/** Which logins are good for which identities. */
export function authPolicyKind(tables: EdgeTables): EntityKind<AuthPolicyRecord, AuthPolicyInput> {
  return {
    type: 'auth-policies',
    entities: tables.authPolicies,
    input: authPolicyInput,
    patch: authPolicyPatch,
    deep: ['primary', 'secondary'],
    symbols: NAMED_SYMBOLS,
    make(input, base) {
      const { requireExtJwtSigner } = input.secondary
      const signers = [
        ...input.primary.extJwt.allowedSigners,
        ...(requireExtJwtSigner == null ? [] : [requireExtJwtSigner]),
      ]
      for (const id of signers) {
        if (tables.signers.get(id) === undefined) {
          throw fieldError('primary.extJwt.allowedSigners', 'there is no such signer', id)
        }
      }
      return {
        ...base,
        name: input.name,
        primary: { ...input.primary, apiKey: input.primary.apiKey ?? { allowed: true } },
        secondary: { requireTotp: false, ...(requireExtJwtSigner != null && { requireExtJwtSigner }) },
      }
    },
    inputOf: ({ name, primary, secondary, tags }) => ({ name, primary, secondary, tags }),
    mayDelete(record) {
      if (record.id === DEFAULT_AUTH_POLICY) {
        throw new EdgeError('ENTITY_CAN_NOT_BE_DELETED', 'The default auth policy is built in')
      }
      refuseReferenced(
        'The auth policy',
        tables.identities.list().filter(({ authPolicyId }) => authPolicyId === record.id),
      )
    },
    show: record => ({
      ...entityBase('auth-policies', record),
      name: record.name,
      primary: record.primary,
      secondary: { requireExtJwtSigner: null, ...record.secondary },
    }),
  }
}

/** @throws EdgeError COULD_NOT_VALIDATE */
export function requireAuthPolicy(tables: Pick<EdgeTables, 'authPolicies'>, id: string, field: string): void {
  if (tables.authPolicies.get(id) === undefined) throw fieldError(field, 'there is no such auth policy', id)
}

function fingerprintOf(certPem: string): string {
  try {
    return new X509Certificate(certPem).fingerprint256.replaceAll(':', '').toLowerCase()
  } catch {
    throw new EdgeError('INVALID_CERT_PEM', 'certPem is no certificate')
  }
}
