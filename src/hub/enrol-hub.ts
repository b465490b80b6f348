import type { TLSSocket } from 'node:tls'
import { RELAY_HUB_API } from '../core/api/relay-hub-api.ts'
import type { Answer } from '../core/api/route.ts'
import { parseAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { HubId, MeshId } from '../core/model/ids.ts'
import type { Permit } from '../core/model/permit.ts'
import type { Clock } from '../core/model/time.ts'
import { callRoute } from '../net/call-route.ts'
import { connectTcp } from '../net/host-sockets.ts'
import { openHttp2 } from '../net/http2-client.ts'
import { checkChain, meshIdOf, tlsIdentity } from '../pki/check.ts'
import type { KeyPair } from '../pki/key-pair.ts'
import { createSigningRequest } from '../pki/signing-request.ts'

/** What a hub that only relays needs to get into a mesh. */
export interface EnrolHubOptions {
  readonly permit: Permit
  /** Where the hub with the controller is, `host:port`; those of the permit if empty. */
  readonly controllers: readonly string[]
  readonly names: readonly string[]
  readonly deviceKey: KeyPair
  readonly version: string
  readonly clock: Clock
}

/** What came of it. */
export interface EnrolledHub {
  readonly mesh: MeshId
  readonly hub: HubId
  readonly chain: string
  readonly expiresAtMs: number
}

/**
 * Have a certificate made for the key of a hub that only relays.
 *
 * @throws MeshError `bad-permit`, `permit-used`, `permit-expired`, `unreachable`, `not-trusted`, `clock-skew` …
 */
export async function enrolHub(options: EnrolHubOptions): Promise<EnrolledHub> {
  const { permit, deviceKey, clock } = options
  if (permit.token === undefined)
    throw new MeshError(
      'bad-permit',
      'Cannot enrol hub: this permit is for agents: make one with `ztm create hub`',
    )
  const mesh = meshIdOf(permit.ca)
  const answer = await ask(options, permit.token)
  checkHubChain(answer.chain, { rootPem: permit.ca, now: clock.now(), hub: answer.hub, deviceKey })
  return { mesh, hub: answer.hub, chain: answer.chain, expiresAtMs: answer.expiresAtMs }
}

/**
 * Check that a chain is a certificate of this hub for this key.
 *
 * @returns its end, ms since the epoch
 * @throws MeshError `not-trusted`, `certificate-expired`
 */
export function checkHubChain(
  chain: string,
  wanted: {
    readonly rootPem: string
    readonly now: number
    readonly hub: HubId
    readonly deviceKey: KeyPair
  },
): number {
  const { rootPem, now, hub, deviceKey } = wanted
  const { identity, publicKeyPem, expiresAtMs } = checkChain(chain, { rootPem, now, expect: ['relay-hub'] })
  const isOurs =
    identity.kind === 'relay-hub' && identity.hub === hub && publicKeyPem === deviceKey.publicKeyPem
  if (!isOurs)
    throw new MeshError('not-trusted', 'Cannot use certificate: it is not for this hub and its key')
  return expiresAtMs
}

/** Ask each address; only one that cannot be reached makes room for the next. */
async function ask(
  { permit, controllers, names, deviceKey, version, clock }: EnrolHubOptions,
  token: string,
): Promise<Answer<typeof RELAY_HUB_API.enrollHub>> {
  const request = await createSigningRequest(deviceKey)
  const identify = (socket: TLSSocket) => {
    const shown = tlsIdentity(socket, { rootPem: permit.ca, now: clock.now(), expect: ['hub'] })
    if (shown !== undefined) return shown
    throw new MeshError('not-trusted', 'Cannot enrol hub: the other side shows no certificate')
  }
  let last: MeshError | undefined
  for (const controller of controllers.length > 0 ? controllers : permit.bootstraps) {
    try {
      const address = { kind: 'address', ...parseAddress(controller) } as const
      const connection = await connectTcp(address, { timeoutMs: TIMEOUT_MS })
      const { session } = await openHttp2(connection, { rootPem: permit.ca, identify, timeoutMs: TIMEOUT_MS })
      try {
        const body = { request, token, names: [...names], version, timeMs: clock.now() }
        return await callRoute(session, RELAY_HUB_API.enrollHub, { body })
      } finally {
        session.close()
      }
    } catch (thrown) {
      last = toMeshError(thrown)
      if (!last.kind.retry || last.code === 'too-many') throw last
    }
  }
  throw last ?? new MeshError('unreachable', 'Cannot enrol hub: no address of a controller is given')
}

/** Connecting and the handshake must each be done within this time. */
const TIMEOUT_MS = 8_000
