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
import { firstOf } from './first-of.ts'
import type { MeshRecord } from './mesh-record.ts'
import { checkOwnCertificate } from './own-certificate.ts'
import { openPassage } from './passage.ts'

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
  const answer = await withAnyHub(
    permit.bootstraps,
    (bootstrap, signal) =>
      connectForEnrolment(bootstrap, permit, options, signal).catch(error =>
        blameClock(error, bootstrap, options.clock),
      ),
    (client, bootstrap) =>
      enroll(client, permit, options).catch(error => blameClock(error, bootstrap, options.clock)),
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
    bootstraps: controllersOf(permit, answer),
    hubs: answer.hubs,
    endpoint: { id: answer.endpoint, name: answer.name, user: answer.user },
    chain: answer.chain,
    issuedAtMs: now,
    expiresAtMs,
    isEnabled: true,
    joinedAtMs: now,
  }
}

/** Where the hub with the controller is, of all places of a permit. */
function controllersOf(
  { bootstraps }: Permit,
  { hubs, controllers }: Answer<typeof CONTROLLER_API.enroll>,
): string[] {
  const relays = new Set(hubs.flatMap(({ names }) => names))
  const left = bootstraps.filter(bootstrap => !relays.has(bootstrap))
  if (left.length > 0) return left
  return controllers.length > 0 ? controllers : [...bootstraps]
}

function connectForEnrolment(
  bootstrap: string,
  permit: Permit,
  { clock }: JoinOptions,
  signal: AbortSignal,
): Promise<Http2Client> {
  const { certificate, privateKey } = permit.agent
  const identity =
    certificate && privateKey ? { chainPem: certificate, privateKeyPem: privateKey } : undefined
  return connectController(bootstrap, { rootPem: permit.ca, clock, identity, signal })
}

async function enroll(
  { session }: Http2Client,
  permit: Permit,
  options: JoinOptions,
): Promise<Answer<typeof CONTROLLER_API.enroll>> {
  const { deviceKey, clock } = options
  const request = await createSigningRequest(deviceKey)
  const { labels = [] } = permit.agent
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
}

/**
 * Have a certificate that has ended renewed, by the device's key alone.
 *
 * @param bootstraps  of the hub with the controller, or of others through which it is reached
 * @returns the new chain; the caller checks it
 * @throws MeshError `not-trusted`, `evicted`, `certificate-expired`, `unreachable`, `timed-out`
 */
export async function renewLate(
  bootstraps: readonly string[],
  options: { rootPem: string; deviceKey: KeyPair; clock: Clock },
): Promise<string> {
  const { rootPem, deviceKey, clock } = options
  const request = await createSigningRequest(deviceKey)
  return withAnyHub(
    bootstraps,
    // Without a certificate: the one at hand would be refused.
    (bootstrap, signal) => connectController(bootstrap, { rootPem, clock, identity: undefined, signal }),
    async ({ session }) => (await callRoute(session, CONTROLLER_API.renewLate, { body: { request } })).chain,
    'Cannot renew',
  )
}

/** A link carries no certificate: the hub gives it, and the mesh id, its hash, proves it. */
async function followLink(text: string): Promise<Permit> {
  const link = parsePermitLink(text)
  const ca = await withAnyHub(link.bootstraps, connectAnybody, async client => {
    const { ca } = await callRoute(client.session, PUBLIC_API.showRoot, {})
    checkRootForMesh(ca, link.mesh)
    return ca
  })
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
  const { session } = await connectAnybody(bootstrap, AbortSignal.timeout(TIMEOUT_MS))
  try {
    return await callRoute(session, PUBLIC_API.showRoot, {})
  } finally {
    session.close()
  }
}

function connectAnybody(bootstrap: string, signal: AbortSignal): Promise<Http2Client> {
  const anybody = (): ShownIdentity => ({
    identity: ANYBODY,
    publicKeyPem: '',
    issuedAtMs: 0,
    expiresAtMs: 0,
  })
  return connect(bootstrap, { rootPem: undefined, identity: undefined, identify: anybody, signal })
}

interface Connecting {
  readonly rootPem: string | undefined
  readonly identity: { readonly chainPem: string; readonly privateKeyPem: string } | undefined
  readonly identify: (socket: TLSSocket) => ShownIdentity
  readonly signal: AbortSignal
}

async function connect(bootstrap: string, options: Connecting): Promise<Http2Client> {
  const { rootPem, identity, identify, signal } = options
  const to = { kind: 'address', ...parseAddress(bootstrap) } as const
  const socket = await connectTcp(to, { timeoutMs: TIMEOUT_MS, signal })
  const client = { ...(identity && { identity }), ...(rootPem && { rootPem }), identify, signal }
  return openHttp2(socket, { ...client, timeoutMs: TIMEOUT_MS })
}

/** Reach the hub with the controller: there, or through the hub that is there and only relays, which sees nothing of it. */
async function connectController(
  bootstrap: string,
  {
    rootPem,
    clock,
    identity,
    signal,
  }: Pick<Connecting, 'identity' | 'signal'> & { readonly rootPem: string; readonly clock: Clock },
): Promise<Http2Client> {
  const identifyHub = (socket: TLSSocket) => identify(socket, rootPem, clock, ['hub'])
  const either = (socket: TLSSocket) => identify(socket, rootPem, clock, ['hub', 'relay-hub'])
  const near = await connect(bootstrap, { rootPem, identity, identify: either, signal })
  if (near.shown.identity.kind === 'hub') return near
  const { session } = near
  try {
    const connection = await openPassage(session, 'controller', signal)
    const client = { ...(identity && { identity }), rootPem, identify: identifyHub, signal }
    const inner = await openHttp2(connection, { ...client, timeoutMs: TIMEOUT_MS })
    inner.session.once('close', () => session.close())
    return inner
  } catch (error) {
    session.destroy()
    throw error
  }
}

function identify(
  socket: TLSSocket,
  rootPem: string,
  clock: Clock,
  expect: readonly ('hub' | 'relay-hub')[],
): ShownIdentity {
  const shown = tlsIdentity(socket, { rootPem, now: clock.now() })
  const { kind } = shown?.identity ?? {}
  if (shown !== undefined && (kind === 'hub' || kind === 'relay-hub') && expect.includes(kind)) return shown
  throw new MeshError('not-trusted', 'Cannot join: the other side is no hub of this mesh')
}

/**
 * Connect to a hub, the next one beside it where it takes its time, and ask the first that is there; only one that cannot be
 * reached makes room for the next.
 */
async function withAnyHub<T>(
  bootstraps: readonly string[],
  connectTo: (bootstrap: string, signal: AbortSignal) => Promise<Http2Client>,
  call: (client: Http2Client, bootstrap: string) => Promise<T>,
  action = 'Cannot join',
): Promise<T> {
  const failures: string[] = []
  let last: MeshError | undefined
  let left = [...bootstraps]
  const fail = (bootstrap: string, error: MeshError) => {
    left = left.filter(one => one !== bootstrap)
    last = error
    failures.push(`${bootstrap} (${error.message.replace(/^[^:]*: /, '')})`)
  }
  while (left.length > 0) {
    const tries = left.map(bootstrap => async (signal: AbortSignal) => {
      try {
        return { bootstrap, client: await connectTo(bootstrap, signal) }
      } catch (thrown) {
        if (!signal.aborted) fail(bootstrap, toMeshError(thrown))
        throw thrown
      }
    })
    const found = await firstOf(tries, {
      patienceMs: PATIENCE_MS,
      drop: late => late.client.session.destroy(),
      isFinal,
    }).catch((error: MeshError) => {
      if (isFinal(error)) throw error
    })
    if (found === undefined) break
    try {
      return await call(found.client, found.bootstrap)
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (isFinal(error)) throw error
      fail(found.bootstrap, error)
    } finally {
      found.client.session.close()
    }
  }
  throw new MeshError(
    last?.code ?? 'unreachable',
    `${action}: no hub answers: tried ${failures.join(', ')}`,
    { cause: last },
  )
}

/** Another hub would say the same. */
function isFinal({ kind, code }: MeshError): boolean {
  return !kind.retry || code === 'too-many'
}

const ANYBODY = { kind: 'hub', mesh: '', hub: '' } as unknown as ShownIdentity['identity']
/** A hub that is not there by then is not waited for alone. */
const PATIENCE_MS = 1_000
/** Connecting and the handshake must each be done within this time. */
const TIMEOUT_MS = 8_000
