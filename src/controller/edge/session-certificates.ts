import { X509Certificate } from 'node:crypto'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { type EndpointId, parseEndpointId } from '../../core/model/ids.ts'
import type { UserName } from '../../core/model/names.ts'
import type { Authority } from '../../pki/authority.ts'
import { keyFingerprint } from '../../pki/key-pair.ts'
import { openSigningRequest } from '../../pki/signing-request.ts'
import type { Context } from '../context.ts'
import type { Endpoints } from '../endpoints.ts'
import type { EndpointRecord } from '../records.ts'
import { randomUuid } from '../uuid.ts'
import type { ApiSessionRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'

/** A certificate as it is given out: what is kept of it, and the whole chain. */
export interface GivenCertificate {
  readonly id: string
  /** Leaf, then intermediate. */
  readonly chainPem: string
  readonly expiresAtMs: number
}

type SessionCertificate = ApiSessionRecord['certificates'][number]

/** Certificates by which API sessions are members of the mesh. */
export interface SessionCertificates {
  /** @throws EdgeError MISSING_OR_INVALID_CSR, COULD_NOT_PROCESS_CSR, UNAUTHORIZED if the session ended meanwhile */
  create(session: ApiSessionRecord, csrPem: string, now: number): Promise<GivenCertificate>
  /** Another for the same key, within a turn of `exclusive`. */
  renew(member: EndpointRecord, publicKeyPem: string, now: number): Promise<GivenCertificate>
  /** Within a turn of `exclusive`. @returns whether the session has any left */
  delete(session: ApiSessionRecord, id: string): Promise<boolean>
}

/** Make the one place where API sessions get certificates. */
export function createSessionCertificates(
  { random, exclusive, log }: Pick<Context, 'random' | 'exclusive' | 'log'>,
  parts: {
    readonly tables: Pick<EdgeTables, 'apiSessions'>
    readonly authority: Authority
    readonly endpoints: Pick<Endpoints, 'withKey' | 'get'>
  },
): SessionCertificates {
  const { authority, endpoints } = parts
  const { apiSessions } = parts.tables

  async function issue(
    session: ApiSessionRecord,
    publicKeyPem: string,
    now: number,
  ): Promise<GivenCertificate> {
    const identity = {
      kind: 'endpoint',
      mesh: authority.mesh,
      user: session.identityId as UserName,
      endpoint: parseEndpointId(session.id),
    } as const
    const order = { identity, publicKeyPem, validMs: SESSION_CERTIFICATE_VALID_MS }
    const { chainPem, serial, expiresAtMs } = await authority.issue(order, now)
    const made: SessionCertificate = {
      id: randomUuid(random),
      fingerprint: new X509Certificate(chainPem).fingerprint256.replaceAll(':', '').toLowerCase(),
      key: keyFingerprint(publicKeyPem),
      serial,
      certPem: new X509Certificate(chainPem).toString(),
      // As it reads from the certificate itself, by which it is known again.
      createdAtMs: Math.floor(now / 1_000) * 1_000,
      expiresAtMs,
    }
    const kept = session.certificates.filter(one => one.expiresAtMs > now)
    const certificates = [...kept, made].slice(-MAX_SESSION_CERTIFICATES)
    await apiSessions.put({ ...session, certificates, updatedAtMs: now })
    log.info('session-certificate.issued', { session: session.id, identity: session.identityId, serial })
    return { id: made.id, chainPem, expiresAtMs }
  }

  return {
    async create(session, csrPem, now) {
      const publicKeyPem = await readKey(csrPem)
      return exclusive(async () => {
        const current = apiSessions.get(session.id)
        if (endpoints.get(session.identityId as EndpointId) !== undefined) {
          throw new EdgeError('COULD_NOT_PROCESS_CSR', 'An endpoint of the mesh has its certificate already')
        }
        if (current === undefined) throw new EdgeError('UNAUTHORIZED', 'The session has ended')
        if (endpoints.withKey(keyFingerprint(publicKeyPem)) !== undefined) {
          throw new EdgeError(
            'COULD_NOT_PROCESS_CSR',
            'The key is that of an endpoint: make one for this session',
          )
        }
        return issue(current, publicKeyPem, now)
      })
    },
    async renew(member, publicKeyPem, now) {
      const session = apiSessions.get(member.id)
      if (session === undefined) throw new EdgeError('UNAUTHORIZED', 'The session has ended')
      return issue(session, publicKeyPem, now)
    },
    async delete(session, id) {
      const current = apiSessions.get(session.id)
      const certificates = current?.certificates.filter(one => one.id !== id) ?? []
      if (current === undefined || certificates.length === current.certificates.length) {
        throw new EdgeError('NOT_FOUND', 'This session has no such certificate')
      }
      await apiSessions.put({ ...current, certificates })
      log.info('session-certificate.deleted', { session: session.id, identity: session.identityId })
      return certificates.length > 0
    },
  }
}

/** The key that a signing request proves to have; what else it says is not even read. */
async function readKey(csrPem: string): Promise<string> {
  if (!/^-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----\r?\n/.test(csrPem.trimStart())) {
    throw new EdgeError('MISSING_OR_INVALID_CSR', 'There is no certificate signing request in PEM')
  }
  try {
    return (await openSigningRequest(csrPem)).publicKeyPem
  } catch {
    throw new EdgeError(
      'COULD_NOT_PROCESS_CSR',
      'The certificate signing request is not of a P-256 key, signed by it with ECDSA and SHA-256',
    )
  }
}

/** How long a certificate of an API session is good. */
export const SESSION_CERTIFICATE_VALID_MS = 43_200_000
/** Certificates of one API session that are good at one time; the oldest makes room. */
export const MAX_SESSION_CERTIFICATES = 4
