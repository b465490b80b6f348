import { dirname } from 'node:path'
import { GATEWAY_STATUS_FILE } from '../cli/gateway-status.ts'
import type { GatewayNeeds, RunGatewayOptions } from '../cli/run-options.ts'
import type { GatewayConfig } from '../core/gateway/gateway-config.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import { parseName } from '../core/model/names.ts'
import { openAccessLog } from '../gateway/access-log.ts'
import { readCertificateFiles } from '../gateway/certificate-store.ts'
import { readGatewayConfig } from '../gateway/config-file.ts'
import { type Gateway, startGateway } from '../gateway/gateway.ts'
import { createLiveRoutes } from '../gateway/live-routes.ts'
import type { DialService } from '../net/service-streams.ts'
import type { App, Host } from '../sdk/app.ts'
import { openDataFolder } from '../store/data-folder.ts'
import { openLogFile } from '../store/log-file.ts'
import { tuneCollector } from './garbage-collector.ts'
import { openAgent } from './run-agent.ts'
import { serveMetrics } from './serve-metrics.ts'
import { onceToldToStop } from './signals.ts'
import { SYSTEM_CLOCK } from './system-clock.ts'

/**
 * Run a gateway, an endpoint of its own in the mesh, until it is told to stop. SIGHUP reads the configuration anew.
 *
 * @returns the exit code
 * @throws MeshError `bad-input`, `already-running`, `port-in-use`, `not-joined` …
 */
export async function runGateway(options: RunGatewayOptions): Promise<number> {
  const { configFile } = options
  const config = await readGatewayConfig(configFile)
  if (options.isCheck) {
    createLiveRoutes(config.routes, [], async () => undefined)
    for (const one of config.certificates) if (!('acme' in one)) await readCertificateFiles(one)
    const [routes, listeners] = [config.routes.length, config.listeners.length]
    process.stderr.write(`ztm: ${configFile} is good: ${listeners} listeners, ${routes} routes\n`)
    return 0
  }
  tuneCollector()
  const stop = onceToldToStop()
  await using opening = new AsyncDisposableStack()
  const folder = await openDataFolder(options.dataFolder)
  const log = opening.use(
    openLogFile({ file: folder.path('gateway.log'), level: options.logLevel, alsoTo: 'stderr-pretty' }),
  )
  const way = opening.use(await openWay(options, config, { log, onStop: stop.tell }))
  const access = openAccessLog(config.accessLog)
  opening.defer(() => access.close())
  const gateway = opening.use(
    await startGateway({
      config,
      dial: way.dial,
      clock: SYSTEM_CLOCK,
      log,
      onAccess: access.write,
      secrets: folder,
    }),
  )
  if (options.metrics !== undefined) {
    const health = () => ({
      isGood: gateway.health === 'up',
      body: JSON.stringify({ status: gateway.health }),
    })
    opening.use(await serveMetrics(options.metrics, () => gateway.metrics(), { '/.ztm/health': health }))
  }
  const reload = () => {
    access.reopen()
    void reloadGateway(gateway, configFile, message => log.error('gateway.not-reloaded', { reason: message }))
  }
  process.on('SIGHUP', reload)
  opening.defer(() => void process.off('SIGHUP', reload))
  const status = { startedAtMs: SYSTEM_CLOCK.now(), addresses: gateway.addresses.map(formatAddress) }
  await folder.writeSecret(GATEWAY_STATUS_FILE, JSON.stringify(status))
  process.stderr.write(`ztm: gateway is up: ${gateway.addresses.map(formatAddress).join(', ')}\n`)
  await stop.told
  await gateway.drain()
  return 0
}

/** What a gateway with this configuration needs of the computer. @throws MeshError `bad-input`, `not-found` */
export async function inspectGateway(configFile: string): Promise<GatewayNeeds> {
  const { listeners, mesh, controller, acme, certificates, accessLog } = await readGatewayConfig(configFile)
  const files = [
    configFile,
    mesh.permit,
    controller?.identityFile,
    controller?.ca,
    acme?.caFile,
    ...certificates.flatMap(one => ('acme' in one ? [] : [one.certificate, one.key])),
  ]
  const folders = files.flatMap(file => (file === undefined ? [] : [dirname(file)]))
  const isFile = accessLog !== 'stdout' && accessLog !== 'off'
  const isLow = ({ listen }: { listen: Address }) => listen.port > 0 && listen.port < 1_024
  return {
    needsLowPorts: listeners.some(isLow),
    readableFolders: [...new Set(folders)],
    writableFolders: isFile ? [dirname(accessLog)] : [],
    needsEnvironment:
      controller?.identityFile === undefined &&
      controller?.tokenCommand === undefined &&
      controller !== undefined,
  }
}

async function reloadGateway(
  gateway: Gateway,
  file: string,
  onError: (message: string) => void,
): Promise<void> {
  try {
    await gateway.reload(await readGatewayConfig(file))
  } catch (thrown) {
    onError(toMeshError(thrown).message)
  }
}

/** A way into the mesh. */
interface Way extends AsyncDisposable {
  readonly dial: DialService
}

interface WayParts {
  readonly log: Log
  readonly onStop: () => void
}

async function openWay(options: RunGatewayOptions, config: GatewayConfig, parts: WayParts): Promise<Way> {
  return config.controller === undefined
    ? await openEndpoint(options, config.mesh, parts)
    : await logIn(config.controller, parts)
}

/** Come in by a permit, as an endpoint with an agent of its own. */
async function openEndpoint(
  options: RunGatewayOptions,
  mesh: GatewayConfig['mesh'],
  { onStop }: WayParts,
): Promise<Way> {
  let host: Host | undefined
  const app: App = {
    name: 'ztm/gateway',
    api: {},
    async start(given) {
      host = given
      return { handlers: {}, async [Symbol.asyncDispose]() {} }
    },
  }
  const { dataFolder, logLevel } = options
  const opened = await openAgent({
    dataFolder,
    logLevel,
    listen: 'off',
    apps: [app],
    onStop,
    isForeground: true,
  })
  const { agent } = opened
  try {
    const joined = agent.meshes.get(MESH_NAME)
    if (joined === undefined && mesh.permit === undefined) {
      throw new MeshError(
        'not-joined',
        'Cannot run gateway: it has joined no mesh: write mesh.permit into its file',
      )
    }
    const join = async (permit: string) =>
      await agent.join(MESH_NAME, parseName(mesh.name), await options.readPermit(permit), false)
    await (joined ?? (await join(mesh.permit ?? ''))).whenUsable(USABLE_WAIT_MS)
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw error
  }
  return {
    async dial(service, { signal }) {
      if (host === undefined) throw new MeshError('not-joined', `Cannot dial "${service}": no mesh is joined`)
      const dialing = host.dial(service)
      const cancel = () => dialing.cancel()
      signal.addEventListener('abort', cancel, { once: true })
      try {
        return (await dialing.opened).stream
      } finally {
        signal.removeEventListener('abort', cancel)
      }
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}

/** Come in by a login at the controller, as an identity of it. */
async function logIn(controller: NonNullable<GatewayConfig['controller']>, { log }: WayParts): Promise<Way> {
  const { createContext } = await import('../sdk/create-context.ts')
  const { url, identityFile, tokenCommand, ca, mesh } = controller
  const context = createContext({
    controllerUrl: url,
    mode: 'dial',
    log,
    ...(identityFile !== undefined && { identityFile }),
    ...(tokenCommand !== undefined && { credentials: { tokenCommand } }),
    ...(ca !== undefined && { ca }),
    ...(mesh !== undefined && { mesh }),
  })
  try {
    const { identity } = await context.authenticate()
    log.info('gateway.logged-in', { identity: identity.name, credentials: context.credentials })
  } catch (error) {
    await context.close()
    throw error
  }
  return {
    async dial(service, { signal }) {
      const giveUp = new AbortController()
      const cancel = () => giveUp.abort(signal.reason)
      signal.addEventListener('abort', cancel, { once: true })
      try {
        // The signal of the SDK also ends the connection: that of the gateway is for the dial alone.
        return await context.dial(service, { signal: giveUp.signal })
      } finally {
        signal.removeEventListener('abort', cancel)
      }
    },
    [Symbol.asyncDispose]: () => context.close(),
  }
}

/** What the one mesh of a gateway is called in its state folder. */
const MESH_NAME = parseName('mesh')
/** How long the start waits for the mesh; listeners open all the same then. */
const USABLE_WAIT_MS = 3_000
