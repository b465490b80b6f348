import type { Agent } from '../agent/agent.ts'
import type { RunGatewayOptions } from '../cli/run-options.ts'
import { formatAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import { parseName } from '../core/model/names.ts'
import { openAccessLog } from '../gateway/access-log.ts'
import { readCertificateFiles } from '../gateway/certificate-store.ts'
import { readGatewayConfig } from '../gateway/config-file.ts'
import { type Gateway, startGateway } from '../gateway/gateway.ts'
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
  let host: Host | undefined
  const app: App = {
    name: 'ztm/gateway',
    api: {},
    async start(given) {
      host = given
      return { handlers: {}, async [Symbol.asyncDispose]() {} }
    },
  }
  const { agent } = opening.use(
    await openAgent({
      dataFolder: options.dataFolder,
      listen: 'off',
      logLevel: options.logLevel,
      apps: [app],
      onStop: stop.tell,
      isForeground: true,
    }),
  )
  await joinMesh(agent, config.mesh, options.readPermit)
  const access = openAccessLog(config.accessLog)
  opening.defer(() => access.close())
  const gateway = opening.use(
    await startGateway({
      config,
      dial: dialThrough(() => host),
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
  process.stderr.write(`ztm: gateway is up: ${gateway.addresses.map(formatAddress).join(', ')}\n`)
  await stop.told
  await gateway.drain()
  return 0
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

async function joinMesh(
  agent: Agent,
  mesh: { readonly permit?: string | undefined; readonly name: string },
  readPermit: (file: string) => Promise<string>,
): Promise<void> {
  const joined = agent.meshes.get(MESH_NAME)
  if (joined === undefined && mesh.permit === undefined) {
    throw new MeshError(
      'not-joined',
      'Cannot run gateway: it has joined no mesh: write mesh.permit into its file',
    )
  }
  const membership =
    joined ?? (await agent.join(MESH_NAME, parseName(mesh.name), await readPermit(mesh.permit ?? ''), false))
  await membership.whenUsable(USABLE_WAIT_MS)
}

/** Dial as an endpoint of the mesh. */
function dialThrough(host: () => Host | undefined): DialService {
  return async (service, { signal }) => {
    const given = host()
    if (given === undefined) throw new MeshError('not-joined', `Cannot dial "${service}": no mesh is joined`)
    const dialing = given.dial(service)
    const cancel = () => dialing.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      const { stream } = await dialing.opened
      return stream
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}

/** What the one mesh of a gateway is called in its state folder. */
const MESH_NAME = parseName('mesh')
/** How long the start waits for the mesh; listeners open all the same then. */
const USABLE_WAIT_MS = 3_000
