import { z } from 'zod'
import {
  accessShape,
  endpointIdShape,
  evictionShape,
  groupShape,
  msShape,
  nameShape,
  pemShape,
  rankShape,
  serviceNameShape,
  userShape,
} from '../core/api/shapes.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { ServiceName } from '../core/model/names.ts'

// What the controller keeps in the store, one document a record, so that each change is one atomic write. The
// version is for whoever changes a shape: the old form then gets a migration here.

const version = z.literal(1)
/** SHA-256 of a public key, as `keyFingerprint` writes it. */
const keyShape = z.string().min(16).max(128)

/** `endpoint/<uuid>` */
export const endpointRecordShape = z.object({
  version,
  id: endpointIdShape,
  name: nameShape,
  user: userShape,
  /** Fingerprint of the key that is this endpoint's for life. */
  key: keyShape,
  labels: z.array(nameShape),
  /** Those of them that an administrator gave, by the invitation or since; none in records of before. */
  givenLabels: z.array(nameShape).optional(),
  software: z.string(),
  createdAtMs: msShape,
  /** When it last came in by a permit: what an eviction is compared with. */
  enrolledAtMs: msShape,
  /** The certificate issued last. */
  certificate: z.object({ serial: z.string(), issuedAtMs: msShape, expiresAtMs: msShape }),
})
/** An endpoint, as stored. */
export type EndpointRecord = z.output<typeof endpointRecordShape>

/** `hosting/<uuid>/<base64url of the service's name>`; a service is there while it has one. */
export const hostingRecordShape = z.object({
  version,
  endpoint: endpointIdShape,
  service: serviceNameShape,
  access: accessShape,
  rank: rankShape.optional(),
  /** What an administrator set: it goes before what the endpoint says of itself. */
  adminRank: rankShape.optional(),
  instance: nameShape.optional(),
  createdAtMs: msShape,
})
/** A hosting, as stored. */
export type HostingRecord = z.output<typeof hostingRecordShape>

/** The id of a hosting's record; base64url, as names may have any character. */
export function hostingId(endpoint: EndpointId, service: ServiceName): string {
  return `${endpoint}/${Buffer.from(service).toString('base64url')}`
}

/** `invitation/<id>` */
export const invitationRecordShape = z.object({
  version,
  id: z.string().min(1).max(64),
  user: userShape,
  /** SHA-256 of the secret half of the token, base64url; the token itself is not kept. */
  secretHash: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  by: userShape,
  createdAtMs: msShape,
  expiresAtMs: msShape,
  labels: z.array(nameShape),
  /** Fingerprint of the only key that may use it. */
  boundTo: keyShape.optional(),
  state: z.discriminatedUnion('is', [
    z.object({ is: z.literal('open') }),
    z.object({
      is: z.literal('used'),
      endpoint: endpointIdShape,
      key: keyShape,
      atMs: msShape,
      /** Its endpoint was removed since: not even the same key may repeat the call. */
      isSettled: z.boolean(),
    }),
    z.object({ is: z.literal('revoked'), by: userShape, atMs: msShape }),
  ]),
})
/** An invitation, as stored. */
export type InvitationRecord = z.output<typeof invitationRecordShape>

/** `group/<id>` */
export const groupRecordShape = groupShape.extend({ version, id: z.string().regex(/^[0-9a-f]{16}$/) })
/** A group, as stored; its users and labels in order, each once. */
export type GroupRecord = z.output<typeof groupRecordShape>

/** `role/<user>`: a user who is more than a member; root needs none. */
export const roleRecordShape = z.object({
  version,
  user: userShape,
  role: z.literal('admin'),
  by: userShape,
  /** An eviction later than this ends it. */
  grantedAtMs: msShape,
})
/** A role, as stored. */
export type RoleRecord = z.output<typeof roleRecordShape>

/** `eviction/<id>` */
export const evictionRecordShape = evictionShape.extend({
  version,
  createdAtMs: msShape,
  /** Fingerprint of the evicted endpoint's key, which stays out even when the endpoint's record is removed. */
  key: keyShape.optional(),
})
/** An eviction, as stored. */
export type EvictionRecord = z.output<typeof evictionRecordShape>

/** `permit/root` */
export const rootPermitRecordShape = z.object({
  version,
  id: endpointIdShape,
  user: userShape,
  /** Fingerprint of the permit's key. */
  key: keyShape,
  certificate: pemShape,
  privateKey: pemShape,
  createdAtMs: msShape,
  expiresAtMs: msShape,
})
/** The root permit, as stored. */
export type RootPermitRecord = z.output<typeof rootPermitRecordShape>

/** `seen/<first two digits of the endpoint ids>`: when each was last connected. */
export const seenRecordShape = z.object({
  version,
  shard: z.string().regex(/^[0-9a-f]{2}$/),
  seenAtMs: z.record(z.string(), msShape),
})
