import { MeshError } from '../core/model/errors.ts'
import { parseEndpointId } from '../core/model/ids.ts'
import type { Identity } from '../core/model/spiffe-id.ts'
import type { Authority } from '../pki/authority.ts'
import { createKeyPair, keyFingerprint } from '../pki/key-pair.ts'
import type { Context } from './context.ts'
import type { Evictions } from './evictions.ts'
import { ROOT_USER } from './members.ts'
import { type RootPermitRecord, rootPermitRecordShape } from './records.ts'
import { openTable } from './table.ts'
import { randomUuid } from './uuid.ts'

/** The identity of a permit's certificate. */
export type PermitIdentity = Extract<Identity, { kind: 'permit' }>

/** The one permit that admits any number of root's endpoints; its key can do nothing but `enroll`. */
export interface RootPermits {
  /** The permit in force, made at the first call. */
  current(): Promise<RootPermitRecord>
  /** Make a new one; the old one opens nothing from then on. */
  rotate(): Promise<RootPermitRecord>
  /** The permit that this identity is. @throws MeshError `denied` if it was replaced */
  require(identity: PermitIdentity): RootPermitRecord
  /** Whether a key's fingerprint is that of the permit: it is no endpoint's. */
  isKey(key: string): boolean
}

/** Load the root permit. */
export async function openRootPermits(
  context: Context,
  { authority, evictions }: { authority: Authority; evictions: Pick<Evictions, 'allGoodFromMs'> },
): Promise<RootPermits> {
  const { store, clock, log, random, exclusive } = context
  const table = await openTable({
    store,
    log,
    prefix: 'permit',
    shape: rootPermitRecordShape,
    idOf: record => record.user,
  })

  async function make(): Promise<RootPermitRecord> {
    const id = parseEndpointId(randomUuid(random))
    const { privateKeyPem, publicKeyPem } = await createKeyPair()
    const identity = { kind: 'permit', mesh: authority.mesh, user: ROOT_USER, permit: id } as const
    const now = clock.now()
    const issued = await authority.issue({ identity, publicKeyPem, validMs: TEN_YEARS_MS }, now)
    const record: RootPermitRecord = {
      version: 1,
      id,
      user: ROOT_USER,
      key: keyFingerprint(publicKeyPem),
      certificate: issued.chainPem,
      privateKey: privateKeyPem,
      createdAtMs: Math.max(now, evictions.allGoodFromMs()),
      expiresAtMs: issued.expiresAtMs,
    }
    const old = table.get(ROOT_USER)
    await table.put(record)
    log.warn('permit.made', { permit: id, user: ROOT_USER, replaces: old?.id })
    return record
  }

  return {
    current: () =>
      exclusive(async () => {
        const record = table.get(ROOT_USER)
        return record !== undefined && record.expiresAtMs > clock.now() ? record : make()
      }),
    rotate: () => exclusive(make),
    require(identity) {
      const record = table.get(ROOT_USER)
      const isIt = record?.id === identity.permit && record.user === identity.user
      if (isIt && identity.mesh === authority.mesh && record !== undefined) return record
      throw new MeshError('denied', 'Cannot enrol: this permit was replaced: use the new one')
    },
    isKey: key => table.get(ROOT_USER)?.key === key,
  }
}

const TEN_YEARS_MS = 10 * 365.25 * 86_400_000
