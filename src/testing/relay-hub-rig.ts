import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { RELAY_HUB_API } from '../core/api/relay-hub-api.ts'
import type { HubId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import { parsePermit } from '../core/model/permit.ts'
import { ms } from '../core/model/time.ts'
import { type ControllerLink, createControllerLink } from '../hub/controller-link.ts'
import { checkHubChain, enrolHub } from '../hub/enrol-hub.ts'
import { type Hub, startHub } from '../hub/hub.ts'
import { placesOf } from '../hub/passages.ts'
import { createRelayController } from '../hub/relay-controller.ts'
import { tlsIdentity } from '../pki/check.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { createSigningRequest } from '../pki/signing-request.ts'
import type { LocalAgent, LocalMesh } from './local-mesh.ts'
import { freePort } from './process-mesh.ts'

/** A hub that only relays, in this process, for the mesh of a test. */
export interface RelayHubRig extends AsyncDisposable {
  readonly id: HubId
  /** `127.0.0.1:port` */
  readonly address: string
  readonly hub: Hub
  readonly credential: { readonly chainPem: string; readonly privateKeyPem: string }
  /** Whether the controller is there for it. */
  readonly isHeard: boolean
  /** What it logged. */
  readonly events: readonly string[]
}

/**
 * Let a hub in and start it.
 *
 * @param admin  an agent of an administrator
 * @param renewAfterMs  it has its certificate renewed so soon; else not in a test's life
 */
export async function startRelayHub(
  mesh: LocalMesh,
  admin: LocalAgent,
  { renewAfterMs }: { readonly renewAfterMs?: number } = {},
): Promise<RelayHubRig> {
  const { token } = await admin.membership.link.call(CONTROLLER_API.createHub, { body: {} })
  const address = `127.0.0.1:${await freePort()}`
  const deviceKey = await createKeyPair()
  const clock = { now: () => ms(Date.now()) }
  const { ca } = parsePermit(mesh.permit)
  const permit = { ca, agent: {}, bootstraps: [mesh.address], token }
  const names = [address]
  const enrolled = await enrolHub({ permit, controllers: [], names, deviceKey, version: 'test', clock })
  const credential = { chainPem: enrolled.chain, privateKeyPem: deviceKey.privateKeyPem }
  let identity = { ...credential, rootPem: ca }
  const events: string[] = []
  const note = (event: string) => void events.push(event)
  const log: Log = { debug: note, info: note, warn: note, error: note }
  const controller = createRelayController({
    mesh: enrolled.mesh,
    hub: enrolled.hub,
    rootPem: ca,
    link: () => link,
    evictions: [],
    keep: () => {},
    clock,
    log,
  })
  const startedAtMs = clock.now()
  let certificate = {
    issuedAtMs: startedAtMs,
    // Renewed at two thirds of its life.
    expiresAtMs: renewAfterMs === undefined ? enrolled.expiresAtMs : ms(startedAtMs + (renewAfterMs * 3) / 2),
  }
  const link: ControllerLink = createControllerLink({
    controllers: [mesh.address],
    identity: () => identity,
    certificate: () => certificate,
    async renew(over) {
      const request = await createSigningRequest(deviceKey)
      const { chain } = await over.call(RELAY_HUB_API.renewHub, { body: { request, names } })
      certificate = {
        issuedAtMs: clock.now(),
        expiresAtMs: ms(
          checkHubChain(chain, { rootPem: ca, now: clock.now(), hub: enrolled.hub, deviceKey }),
        ),
      }
      identity = { ...identity, chainPem: chain }
      hub.renew(identity)
      log.info('certificate.renewed', {})
    },
    onFeed: controller.heard,
    clock,
    random: Math.random,
    log,
  })
  const [host = '', port] = address.split(':')
  const hub = await startHub({
    mesh: enrolled.mesh,
    id: enrolled.hub,
    names,
    listen: { host, port: Number(port) },
    identity,
    identify: socket => tlsIdentity(socket, { rootPem: ca, now: clock.now() }),
    controller,
    version: 'test',
    clock,
    log,
    readLog: async () => [],
    certificateExpiresAtMs: () => enrolled.expiresAtMs,
    places: placesOf(() => controller.hubs, [mesh.address]),
  })
  controller.start(() => hub.describe())
  link.start()
  return {
    id: enrolled.hub,
    address,
    hub,
    credential,
    get isHeard() {
      return link.isOpen
    },
    events,
    async [Symbol.asyncDispose]() {
      controller[Symbol.dispose]()
      await link[Symbol.asyncDispose]()
      await hub[Symbol.asyncDispose]()
    },
  }
}
