import type { RelayRoleOptions } from '../cli/run-options.ts'
import { VERSION } from '../cli/version.ts'
import { RELAY_HUB_API } from '../core/api/relay-hub-api.ts'
import { formatAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { type ControllerLink, createControllerLink } from '../hub/controller-link.ts'
import { checkHubChain } from '../hub/enrol-hub.ts'
import { startHub } from '../hub/hub.ts'
import { type HubLocalServerOptions, startHubLocalServer } from '../hub/local-server.ts'
import { createHubMetrics } from '../hub/metrics.ts'
import { placesOf } from '../hub/passages.ts'
import { createRelayController } from '../hub/relay-controller.ts'
import { tlsIdentity } from '../pki/check.ts'
import { openDeviceKey } from '../pki/device-key.ts'
import { createSigningRequest } from '../pki/signing-request.ts'
import { type DataFolder, openDataFolder } from '../store/data-folder.ts'
import { lockFolder } from '../store/lock.ts'
import { openLogFile } from '../store/log-file.ts'
import { readLogFile } from '../store/log-reader.ts'
import { socketPath } from '../store/socket-path.ts'
import { hubLimitsOf } from './hub-limits.ts'
import type { OpenedHub, OpenHubOptions } from './opened-hub.ts'
import { openRelayHubRecord } from './relay-hub-record.ts'
import { serveMetrics } from './serve-metrics.ts'
import { SYSTEM_CLOCK } from './system-clock.ts'

/**
 * Put a hub together that only relays: it has no authority and no store, but its own certificate and what the controller
 * tells it.
 *
 * @throws MeshError `bad-usage` the first time without a permit, and as `enrolHub`
 */
export async function openRelayHub(
  options: OpenHubOptions & { readonly relay: RelayRoleOptions },
): Promise<Omit<OpenedHub, 'permit'>> {
  await using opening = new AsyncDisposableStack()
  const folder = await openDataFolder(options.dataFolder)
  opening.use(await lockFolder(folder, 'hub'))
  const file = folder.path('hub.log')
  const log = opening.use(
    openLogFile({ file, level: options.logLevel, ...(options.isForeground && { alsoTo: 'stderr-pretty' }) }),
  )
  const clock = SYSTEM_CLOCK
  const deviceKey = await openDeviceKey(folder)
  const kept = opening.use(
    await openRelayHubRecord({ folder, deviceKey, names: options.names, ...options.relay, log }),
  )
  const { ca: rootPem, hub: id, names, mesh } = kept.record
  const identity = () => ({ chainPem: kept.record.chain, privateKeyPem: deviceKey.privateKeyPem, rootPem })
  const controller = opening.use(
    createRelayController({
      mesh,
      hub: id,
      rootPem,
      link: () => link,
      evictions: kept.record.evictions,
      keep: evictions => kept.keep({ evictions: [...evictions] }),
      clock,
      log,
    }),
  )
  const link: ControllerLink = opening.use(
    createControllerLink({
      controllers: kept.record.controllers,
      identity,
      certificate: () => kept.record,
      async renew(over) {
        const request = await createSigningRequest(deviceKey)
        const { chain } = await over.call(RELAY_HUB_API.renewHub, { body: { request, names } })
        const expiresAtMs = checkHubChain(chain, { rootPem, now: clock.now(), hub: id, deviceKey })
        kept.keep({ chain, issuedAtMs: clock.now(), expiresAtMs })
        hub.renew(identity())
        log.info('certificate.renewed', { expiresAt: new Date(expiresAtMs).toISOString() })
      },
      onFeed: controller.heard,
      clock,
      random: Math.random,
      log,
    }),
  )

  const readLog = async (query: {
    sinceMs?: number
    level: 'debug' | 'info' | 'warn' | 'error'
    limit: number
  }) => await readLogFile({ file, ...query })
  const hub = opening.use(
    await startHub({
      mesh,
      id,
      names,
      listen: options.listen,
      identity: identity(),
      identify: socket => tlsIdentity(socket, { rootPem, now: clock.now() }),
      controller,
      version: VERSION,
      clock,
      log,
      readLog,
      certificateExpiresAtMs: () => kept.record.expiresAtMs,
      limits: hubLimitsOf(options),
      places: placesOf(() => controller.hubs, kept.record.controllers),
      isDirectForbidden: options.isDirectForbidden ?? false,
      relayWorkers: options.relayWorkers,
    }),
  )
  controller.start(() => hub.describe())
  link.start()
  await serveHere(opening, { hub, folder, mesh, readLog, log, options })
  const all = opening.move()
  return { address: formatAddress(hub.address), names, hub, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

/** Serve status, log and metrics to this computer. */
async function serveHere(
  opening: AsyncDisposableStack,
  {
    hub,
    folder,
    mesh,
    readLog,
    log,
    options,
  }: Pick<HubLocalServerOptions, 'hub' | 'mesh' | 'readLog' | 'log'> & {
    readonly folder: DataFolder
    readonly options: OpenHubOptions
  },
): Promise<void> {
  const metrics = createHubMetrics(() => hub)
  opening.use(
    await startHubLocalServer({
      hub,
      mesh,
      dataFolder: folder.root,
      socketPath: socketPath(folder.root, 'hub'),
      endpointCount: () => hub.describe().linkCount,
      async permit() {
        throw new MeshError(
          'unsupported',
          'Cannot give the root permit: this hub only relays: ask the one with the controller',
        )
      },
      readLog,
      metrics,
      stop: options.onStop,
      log,
    }),
  )
  if (options.metrics !== undefined) opening.use(await serveMetrics(options.metrics, metrics))
}
