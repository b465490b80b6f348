import type { MeshRecord } from '../agent/mesh-record.ts'
import { checkOwnCertificate } from '../agent/own-certificate.ts'
import { formatAddress, parseAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { parseEndpointId } from '../core/model/ids.ts'
import { parseName, parseUserName } from '../core/model/names.ts'
import type { Clock } from '../core/model/time.ts'
import { probeHub } from '../net/probe-hub.ts'
import { meshIdOf } from '../pki/check.ts'
import { createKeyPair, type KeyPair } from '../pki/key-pair.ts'
import { formatPem, readPem } from '../pki/pem.ts'
import { createSigningRequest } from '../pki/signing-request.ts'
import { certificateAnswerShape, edgeRouterShape, readAnswer } from './edge-answers.ts'
import type { EdgeClient, EdgeLogin } from './edge-client.ts'
import type { Admission } from './inner-mesh.ts'
import { toZtmError, ZtmError } from './ztm-error.ts'

/** What an admission needs. */
export interface EdgeAdmissionOptions {
  readonly edge: EdgeClient
  /** Root of the mesh, PEM, where it is known before the controller says it. */
  readonly rootPem: () => string | undefined
  readonly controllerUrl: string
  readonly clock: Clock
}

/** Makes this program a member of the mesh by what the controller answers. */
export interface EdgeAdmission {
  /** Log in, have a certificate made for a key that never leaves this process, and find the hubs. @throws ZtmError */
  admit(): Promise<Admission>
  /** Whether the login behind a membership is good. @throws ZtmError where the controller cannot be asked */
  isStillIn(admission: Admission): Promise<boolean>
}

/** Make it. The key is the same for all logins of a context. */
export function createEdgeAdmission(options: EdgeAdmissionOptions): EdgeAdmission {
  const { edge, clock } = options
  let key: Promise<KeyPair> | undefined

  async function certify(login: EdgeLogin, deviceKey: KeyPair): Promise<Pick<MeshRecord, 'chain' | 'ca'>> {
    const csr = await createSigningRequest(deviceKey)
    const path = '/current-api-session/certificates'
    const answer = await edge.call({ method: 'POST', path, body: { csr } })
    const { certificate, cas } = readAnswer(certificateAnswerShape, answer, 'session certificate')
    if (edge.login !== login) throw new MeshError('link-closed', 'Cannot go on: the login ended meanwhile')
    return { chain: certificate, ca: options.rootPem() ?? findRoot(cas) }
  }

  return {
    async admit() {
      key ??= createKeyPair()
      const deviceKey = await key
      const login = await edge.authenticate()
      const { chain, ca } = await certify(login, deviceKey)
      const endpoint = parseEndpointId(login.sessionId)
      const user = parseUserName(login.identityId)
      const now = clock.now()
      const check = { rootPem: ca, now, endpoint, user, deviceKey, action: 'Cannot log in' }
      const { expiresAtMs } = checkOwnCertificate(chain, check)
      const routers = await edge.list('/edge-routers')
      const bootstraps = hubAddresses(routers, options.controllerUrl)
      if (bootstraps.length === 0) {
        const message = 'Cannot reach the mesh: the controller knows of no hub'
        throw new ZtmError('no-edge-routers', { code: 'offline', message })
      }
      const record: MeshRecord = {
        version: 1,
        name: parseName('sdk'),
        id: meshIdOf(ca),
        ca,
        bootstraps: await nearestFirst(bootstraps, { rootPem: ca, now }),
        endpoint: { id: endpoint, name: parseName(`sdk-${login.sessionId.slice(0, 8)}`), user },
        chain,
        issuedAtMs: now,
        expiresAtMs,
        isEnabled: true,
        joinedAtMs: now,
      }
      return { record, key: deviceKey }
    },
    async isStillIn({ record }) {
      try {
        await edge.call({ method: 'GET', path: '/current-api-session' })
      } catch (thrown) {
        // Asked with a login of its own, where the one before was refused: that fails where nobody may log in any more.
        const error = toZtmError(thrown)
        if (error.reason === 'auth-failed' || error.reason === 'not-authenticated') return false
        throw error
      }
      return edge.login?.sessionId === record.endpoint.id
    },
  }
}

/** The root in a bundle of certificates: the one that is signed by itself. @throws MeshError `not-trusted` */
function findRoot(bundlePem: string): string {
  for (const der of readPem(bundlePem, 'CERTIFICATE')) {
    const pem = formatPem(der, 'CERTIFICATE')
    try {
      meshIdOf(pem)
      return pem
    } catch {
      // An intermediate.
    }
  }
  throw new MeshError('not-trusted', 'Cannot log in: the controller gave no root of a mesh')
}

/** `host:port` of hubs that are there; the controller's own where none is told, as it is a hub too by default. */
function hubAddresses(routers: readonly unknown[], controllerUrl: string): string[] {
  const found = routers.flatMap(router => {
    const { isOnline = true, supportedProtocols, urls } = readAnswer(edgeRouterShape, router, 'hub')
    if (!isOnline) return []
    return Object.values(supportedProtocols ?? urls ?? {}).flatMap(url => {
      const address = /^(?:tls|h2|https):\/\/([^/?#]+)/.exec(url)?.[1]
      return address === undefined ? [] : readAddress(address)
    })
  })
  if (found.length > 0) return [...new Set(found)].slice(0, MAX_BOOTSTRAPS)
  const { hostname, port } = new URL(controllerUrl)
  return readAddress(`${hostname}:${port || 443}`)
}

function readAddress(text: string): string[] {
  try {
    const address = parseAddress(text)
    return address.port === 0 ? [] : [formatAddress(address)]
  } catch {
    return []
  }
}

/**
 * Hubs in the order of their answers: who answers first is nearest. Those that do not answer in time come last.
 *
 * @param bootstraps  `host:port`
 */
export async function nearestFirst(
  bootstraps: readonly string[],
  { rootPem, now }: { rootPem: string; now: number },
): Promise<string[]> {
  if (bootstraps.length < 2) return [...bootstraps]
  const order: string[] = []
  const asked = bootstraps.map(async bootstrap => {
    const { failed } = await probeHub(parseAddress(bootstrap), { rootPem, now, timeoutMs: PROBE_TIMEOUT_MS })
    if (failed !== undefined) throw failed.error
    order.push(bootstrap)
  })
  // The first says who is nearest; the others have a moment to follow.
  const first = Promise.any(asked).then(() => pause(PROBE_GRACE_MS))
  await Promise.race([Promise.allSettled(asked), first]).catch(() => {})
  return [...order, ...bootstraps.filter(one => !order.includes(one))]
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms)
  })
}

/** As a record of a mesh takes. */
const MAX_BOOTSTRAPS = 16
const PROBE_TIMEOUT_MS = 2_000
const PROBE_GRACE_MS = 150
