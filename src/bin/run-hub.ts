import { randomUUID } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { RunHubOptions } from '../cli/run-options.ts'
import { VERSION } from '../cli/version.ts'
import { type ControllerOptions, openController } from '../controller/controller.ts'
import { formatAddress, parseAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { type HubId, parseHubId } from '../core/model/ids.ts'
import { formatPermit } from '../core/model/permit.ts'
import { FORBID_DIRECT } from '../core/policy/standing-rules.ts'
import { type HubOptions, startHub } from '../hub/hub.ts'
import { startHubLocalServer } from '../hub/local-server.ts'
import { createHubMetrics } from '../hub/metrics.ts'
import { createLimitedFetch } from '../net/limited-fetch.ts'
import { openAuthority } from '../pki/authority.ts'
import { tlsIdentity } from '../pki/check.ts'
import { openDataFolder } from '../store/data-folder.ts'
import { lockFolder } from '../store/lock.ts'
import { openLogFile } from '../store/log-file.ts'
import { readLogFile } from '../store/log-reader.ts'
import { openSecretFile, type SecretFile } from '../store/secret-file.ts'
import { socketPath } from '../store/socket-path.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { tuneCollector } from './garbage-collector.ts'
import { hubBilling } from './hub-billing.ts'
import { openHubIdentity } from './hub-identity.ts'
import { hubLimitsOf } from './hub-limits.ts'
import type { OpenedHub, OpenHubOptions } from './opened-hub.ts'
import { startRelayWorker } from './relay-worker.ts'
import { openRelayHub } from './run-relay-hub.ts'
import { serveMetrics } from './serve-metrics.ts'
import { onceToldToStop } from './signals.ts'
import { SYSTEM_CLOCK } from './system-clock.ts'

/**
 * Run a hub with its controller in this process until it is told to stop.
 *
 * @param program  what runs `ztm`, for the processes that copy what is relayed
 * @returns the exit code
 * @throws MeshError `already-running`, `port-in-use`, `storage-failed` …
 */
export async function runHub(options: RunHubOptions, program: readonly string[]): Promise<number> {
  tuneCollector()
  const stop = onceToldToStop()
  const { relay } = options
  const opening = {
    ...options,
    onStop: stop.tell,
    isForeground: true,
    relayWorkers: relayWorkersOf(options, program),
  }
  await using hub = await (relay === undefined ? openHub(opening) : openRelayHub({ ...opening, relay }))
  process.stderr.write(`ztm: hub is up at ${hub.address}: ${hub.names.join(', ')}\n`)
  await stop.told
  return 0
}

/** Put a hub together: folder, log, store, authority, controller, port. */
export async function openHub(options: OpenHubOptions): Promise<OpenedHub> {
  await using opening = new AsyncDisposableStack()
  const folder = await openDataFolder(options.dataFolder)
  opening.use(await lockFolder(folder, 'hub'))
  const logFile = folder.path('hub.log')
  const log = opening.use(
    openLogFile({
      file: logFile,
      level: options.logLevel,
      ...(options.isForeground && { alsoTo: 'stderr-pretty' }),
    }),
  )
  const clock = SYSTEM_CLOCK
  const store = opening.use(await openSqliteStore(folder.path('ztm-hub.db')))
  const { id, names } = await loadHubRecord(store, options)
  await using place = await placeOfPermit(options.permitFile)
  const authority = await openAuthority({ folder, now: clock.now(), log })
  const identity = opening.use(await openHubIdentity({ authority, id, names, clock, log }))
  const controller = opening.use(
    await openController({
      store,
      authority,
      hub: { id, names },
      signer: () => identity.current,
      version: VERSION,
      clock,
      log,
      ...(await controllerChoices(options, opening)),
    }),
  )
  const readLog: HubOptions['readLog'] = async query => readLogFile({ file: logFile, ...query })
  const hub = opening.use(
    await startHub({
      mesh: authority.mesh,
      id,
      names,
      listen: options.listen,
      identity: identity.current,
      identify: socket => tlsIdentity(socket, { rootPem: authority.rootCertificatePem, now: clock.now() }),
      controller,
      version: VERSION,
      clock,
      log,
      readLog,
      certificateExpiresAtMs: () => identity.expiresAtMs,
      limits: hubLimitsOf(options),
      isDirectForbidden: options.isDirectForbidden ?? false,
      relayWorkers: options.relayWorkers,
    }),
  )
  identity.onRenewed(renewed => hub.renew(renewed))
  const permit = async (isNew: boolean) =>
    formatPermit(await (isNew ? controller.rotateRootPermit() : controller.rootPermit()))
  const metrics = createHubMetrics(() => hub, options.commerce && controller.billingStatus)
  opening.use(
    await startHubLocalServer({
      hub,
      mesh: authority.mesh,
      dataFolder: folder.root,
      socketPath: socketPath(folder.root, 'hub'),
      endpointCount: () => controller.endpointCount,
      permit,
      readLog,
      metrics,
      stop: options.onStop,
      log,
    }),
  )
  if (options.metrics !== undefined) opening.use(await serveMetrics(options.metrics, metrics))
  const text = await permit(false)
  await place?.write(text)
  const all = opening.move()
  return {
    address: formatAddress(hub.address),
    names,
    hub,
    permit: text,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

async function controllerChoices(
  options: OpenHubOptions,
  opening: AsyncDisposableStack,
): Promise<Pick<ControllerOptions, 'rules' | 'billing' | 'validity' | 'fetchJson'>> {
  const { isDirectForbidden, commerce, endpointValidMs, issuerReach: reach } = options
  const issuers = opening.use(createLimitedFetch(reach === undefined ? {} : { reach }))
  return {
    fetchJson: issuers.json,
    rules: isDirectForbidden ? [FORBID_DIRECT] : [],
    ...(commerce !== undefined && { billing: await hubBilling(commerce) }),
    ...(endpointValidMs !== undefined && { validity: { endpointMs: endpointValidMs } }),
  }
}

function relayWorkersOf({ workers }: RunHubOptions, program: readonly string[]): HubOptions['relayWorkers'] {
  // With one core there is nothing to gain.
  const coreCount = availableParallelism()
  const count = workers ?? (coreCount > 1 ? coreCount : 0)
  return count === 0 ? undefined : { count, start: () => startRelayWorker(program) }
}

async function loadHubRecord(
  store: Awaited<ReturnType<typeof openSqliteStore>>,
  options: RunHubOptions,
): Promise<{ id: HubId; names: readonly string[] }> {
  const stored = (await store.get('hub'))?.value as { id?: unknown; names?: unknown } | undefined
  const id = stored === undefined ? parseHubId(randomUUID()) : parseHubId(stored.id)
  const before = Array.isArray(stored?.names) ? stored.names.map(String) : []
  const names = options.names.length > 0 ? options.names : before
  if (names.length === 0) {
    throw new MeshError(
      'bad-usage',
      'Cannot run hub: it does not know where agents reach it: give --names HOST:PORT, a public address of this computer',
    )
  }
  for (const name of names) parseAddress(name)
  await store.put('hub', { id, names: [...names] })
  return { id, names }
}

/** Where the root permit is to be written: known to be writable before anything is made. */
async function placeOfPermit(file: string | undefined): Promise<SecretFile | undefined> {
  return file === undefined ? undefined : await openSecretFile(file, 'permit')
}
