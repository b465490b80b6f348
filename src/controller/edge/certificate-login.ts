import { X509Certificate } from 'node:crypto'
import type { Caller } from '../../core/api/caller.ts'
import { keyFingerprint } from '../../pki/key-pair.ts'
import type { Context } from '../context.ts'
import type { AuthenticatorRecord, IdentityRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { admitIdentity, type Proof, refusal } from './login-proof.ts'

/** A certificate of an identity. */
export type CertificateAuthenticator = Extract<AuthenticatorRecord, { method: 'cert' }>

interface Parts {
  readonly tables: Pick<EdgeTables, 'authenticators' | 'identities' | 'authPolicies'>
  /** The identity that an endpoint of the mesh is seen as; undefined where it is none, or no member any more. */
  readonly identityOf?: (caller: Caller) => IdentityRecord | undefined
}

/**
 * Judge the certificate that a connection proved. The port looked at its chain: what remains is whether it is still
 * one of the identity's, by its key, which stays the same when it is made anew.
 */
export async function proveCertificate(
  context: Context,
  { tables, identityOf }: Parts,
  caller: Caller,
  now: number,
): Promise<Proof> {
  const shown = caller.identity
  if (shown?.kind === 'endpoint') {
    const identity = identityOf?.(caller)
    if (identity !== undefined) return admitIdentity(tables, { identity }, ({ cert }) => cert.allowed, now)
    return refusal('certificate', `endpoint ${shown.endpoint} is no identity of its own`)
  }
  if (shown?.kind !== 'identity' || caller.publicKeyPem === undefined) {
    return refusal('certificate-missing', 'the connection showed no certificate of an identity')
  }
  const identity = tables.identities.get(shown.identity)
  if (identity === undefined) return refusal('identity-unknown', `there is no identity ${shown.identity}`)
  const key = keyFingerprint(caller.publicKeyPem)
  const found = tables.authenticators
    .by('identityId', identity.id)
    .find(record => record.method === 'cert' && keysOf(record).includes(key))
  if (found?.method !== 'cert') {
    const fields = { identity: identity.id, name: identity.name }
    return refusal(
      'certificate',
      'its key is that of no authenticator: it was taken back or replaced',
      fields,
    )
  }
  const proof = admitIdentity(
    tables,
    { identity, authenticatorId: found.id },
    ({ cert }) => cert.allowed,
    now,
  )
  if (proof.isGood && found.next !== undefined && keyOf(found.next.certPem) === key) {
    await context.exclusive(() => confirmNext(tables, found.id, key, now))
  }
  return proof
}

/** The fingerprint of a certificate's key. */
function keyOf(certPem: string): string {
  const { publicKey } = new X509Certificate(certPem)
  return keyFingerprint(publicKey.export({ type: 'spki', format: 'der' }))
}

function keysOf({ certPem, next }: CertificateAuthenticator): string[] {
  return [certPem, ...(next === undefined ? [] : [next.certPem])].map(keyOf)
}

/** The new certificate is in use: the old one goes. */
async function confirmNext({ authenticators }: Parts['tables'], id: string, key: string, now: number) {
  const record = authenticators.get(id)
  if (record?.method !== 'cert' || record.next === undefined || keyOf(record.next.certPem) !== key) return
  await authenticators.put(withNext(record, now))
}

/** The authenticator with the new certificate in place of the old one. */
export function withNext(
  { next, ...record }: CertificateAuthenticator,
  now: number,
): CertificateAuthenticator {
  return { ...record, ...next, updatedAtMs: now }
}
