import type { TLSSocket } from 'node:tls'
import { CONTROLLER_API, PUBLIC_API } from '../core/api/hub-api.ts'
import type { Answer } from '../core/api/route.ts'
import { parseAddress } from '../core/model/address.ts'
import { refuseSkew } from '../core/model/clock-skew.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { MeshId } from '../core/model/ids.ts'
import type { Name } from '../core/model/names.ts'
import { type Permit, parsePermit, parsePermitLink } from '../core/model/permit.ts'
import type { Clock } from '../core/model/time.ts'
import { callRoute } from '../net/call-route.ts'
import { connectTcp } from '../net/host-sockets.ts'
import { type Http2Client, openHttp2 } from '../net/http2-client.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import { checkRootForMesh, meshIdOf, tlsIdentity } from '../pki/check.ts'
import type { KeyPair } from '../pki/key-pair.ts'
import { createSigningRequest } from '../pki/signing-request.ts'
import type { MeshRecord } from './mesh-record.ts'
import { checkOwnCertificate } from './own-certificate.ts'

/** What a join needs. */
export interface JoinOptions {
  readonly mesh: Name
  readonly endpoint: Name
  /** Text of a permit file, or a `ztm://` link. */
  readonly permit: string
  readonly isReplacing: boolean
  /** Asked before the permit is used, which may be good only once. @throws MeshError to join nothing */
  readonly check?: (mesh: MeshId) => void
  readonly deviceKey: KeyPair
  readonly version: string
  readonly clock: Clock
}

/**
 * Have a certificate made for the device's key.
 *
 * @returns the record to keep
 * @throws MeshError `bad-permit`, `permit-used`, `name-taken`, `unreachable`, `not-trusted`, `clock-skew` …
 */
export async function joinMesh(options: JoinOptions): Promise<MeshRecord> {
  const permit = options.permit.trimStart().startsWith('ztm://')
    ? await followLink(options.permit.trim())
    : parsePermit(options.permit)
  const mesh = meshIdOf(permit.ca)
  options.check?.(mesh)
  const answer = await withAnyHub(permit.bootstraps, bootstrap =>
    enroll(bootstrap, permit, options).catch(error => blameClock(error, bootstrap, options.clock)),
  )
  const { deviceKey, clock } = options
  const { expiresAtMs } = checkOwnCertificate(answer.chain, {
    rootPem: permit.ca,
    now: clock.now(),
    endpoint: answer.endpoint,
    user: answer.user,
    deviceKey,
    action: 'Cannot join',
  })
  const now = options.clock.now()
  return {
    version: 1,
    name: options.mesh,
    id: mesh,
    ca: permit.ca,
    bootstraps: [...permit.bootstraps],
    endpoint: { id: answer.endpoint, name: answer.name, user: answer.user },
    chain: answer.chain,
    issuedAtMs: now,
    expiresAtMs,
    isEnabled: true,
    joinedAtMs: now,
  }
}

async function enroll(
  bootstrap: string,
  permit: Permit,
  options: JoinOptions,
): Promise<Answer<typeof CONTROLLER_API.enroll>> {
  const { deviceKey, clock } = options
  const request = await createSigningRequest(deviceKey)
  const { certificate, privateKey, labels = [] } = permit.agent
  const { session } = await connect(bootstrap, permit.ca, socket => identifyHub(socket, permit.ca, clock), {
    ...(certificate && privateKey && { identity: { chainPem: certificate, privateKeyPem: privateKey } }),
  })
  try {
    return await callRoute(session, CONTROLLER_API.enroll, {
      body: {
        request,
        name: options.endpoint,
        ...(permit.token && { token: permit.token }),
        labels: [...labels],
        version: options.version,
        timeMs: clock.now(),
        isReplacing: options.isReplacing,
      },
    })
  } finally {
    session.close()
  }
}

/**
 * Have a certificate that has ended renewed, by the device's key alone.
 *
 * @returns the new chain; the caller checks it
 * @throws MeshError `not-trusted`, `evicted`, `certificate-expired`, `unreachable`, `timed-out`
 */
export async function renewLate(
  bootstrap: string,
  options: { rootPem: string; deviceKey: KeyPair; clock: Clock },
): Promise<string> {
  const { rootPem, deviceKey, clock } = options
  const request = await createSigningRequest(deviceKey)
  // Without a certificate: the one at hand would be refused.
  const { session } = await connect(bootstrap, rootPem, socket => identifyHub(socket, rootPem, clock), {})
  try {
    return (await callRoute(session, CONTROLLER_API.renewLate, { body: { request } })).chain
  } finally {
    session.close()
  }
}

/** A link carries no certificate: the hub gives it, and the mesh id, its hash, proves it. */
async function followLink(text: string): Promise<Permit> {
  const link = parsePermitLink(text)
  const ca = await withAnyHub(link.bootstraps, bootstrap => fetchRoot(bootstrap, link.mesh))
  return { ca, agent: {}, bootstraps: [...link.bootstraps], token: link.token }
}

/**
 * The root certificate of a mesh, PEM, from one of its hubs. Nothing about the hub is believed: the id proves the root.
 *
 * @param bootstrap  `host:port`
 * @throws MeshError `not-trusted` if it is that of another mesh, `unreachable`, `timed-out`
 */
export async function fetchRoot(bootstrap: string, mesh: MeshId): Promise<string> {
  const { ca } = await askAnybody(bootstrap)
  checkRootForMesh(ca, mesh)
  return ca
}

/**
 * With a wrong clock a good certificate looks ended, or not yet begun: then the clock is what to mend.
 *
 * @throws MeshError `clock-skew` if the clocks are too far apart, else the error itself
 */
async function blameClock(error: unknown, bootstrap: string, clock: Clock): Promise<never> {
  if (error instanceof MeshError && error.code === 'certificate-expired') {
    // The hub's word for its own clock is not proven, and decides nothing but what the person reads.
    const asked = await askAnybody(bootstrap).catch(() => undefined)
    if (asked !== undefined) refuseSkew('Cannot join', clock.now(), asked.timeMs)
  }
  throw error
}

/** What a hub tells strangers. Nothing of it is proven but what `checkRootForMesh` proves. */
async function askAnybody(bootstrap: string): Promise<Answer<typeof PUBLIC_API.showRoot>> {
  const anybody = (): ShownIdentity => ({
    identity: ANYBODY,
    publicKeyPem: '',
    issuedAtMs: 0,
    expiresAtMs: 0,
  })
  const { session } = await connect(bootstrap, undefined, anybody, {})
  try {
    return await callRoute(session, PUBLIC_API.showRoot, {})
  } finally {
    session.close()
  }
}

async function connect(
  bootstrap: string,
  rootPem: string | undefined,
  identify: (socket: TLSSocket) => ShownIdentity,
  options: { identity?: { chainPem: string; privateKeyPem: string } },
): Promise<Http2Client> {
  const socket = await connectTcp({ kind: 'address', ...parseAddress(bootstrap) }, { timeoutMs: TIMEOUT_MS })
  return openHttp2(socket, { ...options, ...(rootPem && { rootPem }), identify, timeoutMs: TIMEOUT_MS })
}

function identifyHub(socket: TLSSocket, rootPem: string, clock: Clock): ShownIdentity {
  const shown = tlsIdentity(socket, { rootPem, now: clock.now() })
  if (shown?.identity.kind === 'hub') return shown
  throw new MeshError('not-trusted', 'Cannot join: the other side is no hub of this mesh')
}

/** Try each bootstrap; only one that cannot be reached makes room for the next. */
async function withAnyHub<T>(
  bootstraps: readonly string[],
  call: (bootstrap: string) => Promise<T>,
): Promise<T> {
  const failures: string[] = []
  let last: MeshError | undefined
  for (const bootstrap of bootstraps) {
    try {
      return await call(bootstrap)
    } catch (thrown) {
      last = toMeshError(thrown)
      if (!last.kind.retry || last.code === 'too-many') throw last
      failures.push(`${bootstrap} (${last.message.replace(/^[^:]*: /, '')})`)
    }
  }
  throw new MeshError(
    last?.code ?? 'unreachable',
    `Cannot join: no hub answers: tried ${failures.join(', ')}`,
    { cause: last },
  )
}

const ANYBODY = { kind: 'hub', mesh: '', hub: '' } as unknown as ShownIdentity['identity']
/** Connecting and the handshake must each be done within this time. */
const TIMEOUT_MS = 8_000
