import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Agent, type ReadLog, startAgent } from '../agent/agent.ts'
import { createComputerDisk } from '../agent/disk/app-disk.ts'
import { startLocalServer } from '../agent/local-server.ts'
import { createAgentMetrics } from '../agent/metrics.ts'
import { DEFAULT_REACH, openReach } from '../agent/reach.ts'
import { createDevApp } from '../agent/sandbox/dev-app.ts'
import { createScriptRunner, type ScriptRunner } from '../agent/sandbox/run-script.ts'
import { findSandboxProgram } from '../agent/sandbox/sandbox-program.ts'
import { filesApp } from '../apps/files/files.ts'
import { proxyApp } from '../apps/proxy/proxy.ts'
import { scriptApp } from '../apps/script/script.ts'
import { syncApp } from '../apps/sync/sync.ts'
import { terminalApp } from '../apps/terminal/terminal.ts'
import { tunnelApp } from '../apps/tunnel/tunnel.ts'
import type { RunAgentOptions } from '../cli/run-options.ts'
import { VERSION } from '../cli/version.ts'
import { formatAddress } from '../core/model/address.ts'
import { PATH_KINDS } from '../core/path/path-kind.ts'
import { watchOwnAddresses } from '../net/own-addresses.ts'
import { openDeviceKey } from '../pki/device-key.ts'
import type { App } from '../sdk/app.ts'
import { type DataFolder, openDataFolder } from '../store/data-folder.ts'
import { lockFolder } from '../store/lock.ts'
import { openLogFile } from '../store/log-file.ts'
import { readLogFile } from '../store/log-reader.ts'
import { openPageFiles, type PageFiles } from '../store/page-files.ts'
import { socketPath } from '../store/socket-path.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { type OpenedAppRunner, openAppRunner } from './app-runner.ts'
import { tuneCollector } from './garbage-collector.ts'
import { serveMetrics } from './serve-metrics.ts'
import { onceToldToStop } from './signals.ts'
import { createHubStarter } from './start-hub-here.ts'
import { SYSTEM_CLOCK } from './system-clock.ts'

/**
 * Run an agent until it is told to stop.
 *
 * @param program  the command line that runs this program, for a hub that is started from the page
 * @returns the exit code
 * @throws MeshError `already-running`, `port-in-use`, `storage-failed` …
 */
export async function runAgent(options: RunAgentOptions, program?: readonly string[]): Promise<number> {
  tuneCollector()
  const stop = onceToldToStop()
  await using opened = await openAgent({
    ...options,
    onStop: stop.tell,
    isForeground: true,
    ...(program && { program }),
  })
  const { join } = options
  if (join !== undefined && !opened.agent.meshes.has(join.mesh)) {
    const membership = await opened.agent.join(join.mesh, join.endpoint, join.permit, false)
    await membership.whenUsable(USABLE_WAIT_MS)
  }
  const where = opened.address === undefined ? '' : `: http://${opened.address}`
  process.stderr.write(`ztm: agent is up${where}\n`)
  await stop.told
  return 0
}

/** An agent that was opened by `openAgent`. */
export interface OpenedAgent extends AsyncDisposable {
  readonly agent: Agent
  /** Where browsers reach it. */
  readonly address: string | undefined
  readonly socketPath: string
}

/** Put an agent together: folder, log, store, key, apps, local API. @param options  `apps` come on top of those built in; with `program`, the command line that runs it, it starts hubs */
export async function openAgent(
  options: RunAgentOptions & {
    onStop: () => void
    isForeground: boolean
    apps?: readonly App[]
    program?: readonly string[]
  },
): Promise<OpenedAgent> {
  await using opening = new AsyncDisposableStack()
  const folder = await openDataFolder(options.dataFolder)
  opening.use(await lockFolder(folder, 'agent'))
  const logFile = folder.path('agent.log')
  const log = opening.use(
    openLogFile({
      file: logFile,
      level: options.logLevel,
      ...(options.isForeground && { alsoTo: 'stderr-pretty' }),
    }),
  )
  const store = opening.use(await openSqliteStore(folder.path('ztm.db')))
  const deviceKey = await openDeviceKey(folder)
  const reach = opening.use(
    await openReach(
      {
        paths: options.paths ?? PATH_KINDS,
        listen: options.peerPort ?? DEFAULT_REACH.listen,
        advertise: options.advertise ?? DEFAULT_REACH.advertise,
        isMapped: options.isPortMapped ?? DEFAULT_REACH.isMapped,
      },
      log,
    ),
  )
  const runner = opening.use(openAppRunner(folder.path('app-data')))
  const agent = opening.use(
    await startAgent({
      store,
      deviceKey,
      apps: [...BUILT_IN_APPS, createDevApp({ runner, clock: SYSTEM_CLOCK }), ...(options.apps ?? [])],
      scripts: openScripts(folder, runner),
      version: VERSION,
      clock: SYSTEM_CLOCK,
      random: Math.random,
      log,
      readLog: readOwnLog(logFile),
      reach,
      packages: { folder: folder.path('packages'), secrets: folder, runner },
      disk: createComputerDisk({ closedFolders: [folder.root], ownFolders: folder.path('app-folders') }),
    }),
  )
  reach.mapping?.onChange(() => agent.networkChanged({ gone: new Set() }))
  opening.defer(
    watchOwnAddresses(change => {
      agent.networkChanged(change)
      reach.mapping?.networkChanged()
    }),
  )
  const metrics = createAgentMetrics(() => agent)
  const path = socketPath(folder.root, 'agent')
  const server = opening.use(
    await startLocalServer({
      agent,
      dataFolder: folder.root,
      socketPath: path,
      listen: options.listen === 'off' ? undefined : options.listen,
      token: await openToken(folder),
      metrics,
      stop: options.onStop,
      page: findPage(),
      ...(options.program && {
        hubStarter: createHubStarter({ dataFolder: folder.root, program: options.program }),
      }),
    }),
  )
  if (options.metrics !== undefined) opening.use(await serveMetrics(options.metrics, metrics))
  log.info('agent.started', { version: VERSION })
  const all = opening.move()
  return {
    agent,
    address: server.address === undefined ? undefined : formatAddress(server.address),
    socketPath: path,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** The web page: beside the bundle this runs from, or where a checkout builds it. */
function findPage(): PageFiles | undefined {
  const places = ['page', '../page', '../../build/page']
  for (const place of places) {
    const page = openPageFiles(join(import.meta.dirname, place))
    if (page !== undefined) return page
  }
  return undefined
}

function openScripts(folder: DataFolder, { jail }: OpenedAppRunner): ScriptRunner {
  return createScriptRunner({
    jail,
    program: findSandboxProgram(),
    folder: folder.path('scripts'),
    closedFolders: [folder.root],
    clock: SYSTEM_CLOCK,
  })
}

/** Lines of the log, of one mesh or app if that is asked for. */
function readOwnLog(file: string): ReadLog {
  return async ({ level, limit, sinceMs, mesh, app }) => {
    const lines = await readLogFile({ file, level, limit, ...(sinceMs !== undefined && { sinceMs }) })
    return lines.filter(
      ({ fields }) =>
        (mesh === undefined || fields.mesh === mesh) && (app === undefined || fields.app === app),
    )
  }
}

async function openToken(folder: DataFolder): Promise<string> {
  const stored = await folder.readSecret('agent.token')
  if (stored !== undefined) return stored.trim()
  const token = randomBytes(32).toString('base64url')
  await folder.writeSecret('agent.token', `${token}\n`)
  return token
}

/** Started in every mesh. */
const BUILT_IN_APPS = [tunnelApp, proxyApp, terminalApp, scriptApp, filesApp, syncApp]
/** How long the start waits for a mesh that was just joined. */
const USABLE_WAIT_MS = 3_000
