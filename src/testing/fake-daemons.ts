import { Hono } from 'hono'
import { FILES_API } from '../apps/files/messages.ts'
import { PROXY_API } from '../apps/proxy/messages.ts'
import { SCRIPT_API } from '../apps/script/messages.ts'
import { SYNC_API } from '../apps/sync/messages.ts'
import { TERMINAL_API } from '../apps/terminal/messages.ts'
import { TUNNEL_API } from '../apps/tunnel/messages.ts'
import { AGENT_API } from '../core/api/agent-api.ts'
import { HUB_LOCAL_API } from '../core/api/hub-local-api.ts'
import type { Call, Handlers, Route } from '../core/api/route.ts'
import { serveRoutes } from '../net/serve-routes.ts'
import { serveUnixSocket } from '../net/unix-server.ts'
import { socketPath } from '../store/socket-path.ts'
import { FAKE_ANSWERS } from './fake-answers.ts'
import type { FakeAnswer, FakeCall } from './fake-call.ts'
import { FAKE_CONFIGS } from './fake-configs.ts'
import { FAKE_FILES } from './fake-files.ts'
import { FAKE_SYNC } from './fake-sync.ts'
import { createRecordedLog } from './recorded-log.ts'

/** An agent and a hub that answer by rote over real sockets and the real routes. */
export interface FakeDaemons extends AsyncDisposable {
  readonly calls: readonly FakeCall[]
  /** Answer a route in another way from now on. */
  answer(route: string, give: FakeAnswer): void
  /** Every route they serve. */
  readonly routes: readonly string[]
}

/**
 * Serve `agent.sock` and `hub.sock` of a state folder: one mesh `home`, endpoints `laptop` (local) and `office`, a
 * tunnel `tcp/web`.
 *
 * @param roles  which of the two run; both by default
 */
export async function startFakeDaemons(
  dataFolder: string,
  roles: readonly ('agent' | 'hub')[] = ['agent', 'hub'],
): Promise<FakeDaemons> {
  await using opening = new AsyncDisposableStack()
  const calls: FakeCall[] = []
  const answers: Record<string, FakeAnswer> = {
    ...FAKE_ANSWERS,
    ...FAKE_FILES,
    ...FAKE_SYNC,
    ...FAKE_CONFIGS,
  }
  const log = createRecordedLog()
  const serve = (app: Hono, prefix: string, api: Record<string, Route>) => {
    const handlers = Object.fromEntries(
      Object.keys(api).map(name => [
        name,
        async ({ params = {}, query = {}, body }: Call<Route, undefined>) => {
          const call = { route: `${prefix}.${name}`, params, query, body } as FakeCall
          calls.push(call)
          return answers[call.route]?.(call)
        },
      ]),
    )
    serveRoutes(app, api, handlers as unknown as Handlers<typeof api, undefined>, {
      log,
      caller: () => undefined,
    })
  }
  if (roles.includes('agent')) {
    const agent = new Hono()
    serve(agent, 'agent', AGENT_API)
    for (const [name, api] of Object.entries(APPS)) {
      const app = new Hono()
      serve(app, name, api)
      agent.route(`/api/meshes/:mesh/apps/ztm/${name}`, app)
    }
    opening.use(await serveUnixSocket(agent, socketPath(dataFolder, 'agent')))
  }
  if (roles.includes('hub')) {
    const hub = new Hono()
    serve(hub, 'hub', HUB_LOCAL_API)
    opening.use(await serveUnixSocket(hub, socketPath(dataFolder, 'hub')))
  }
  const all = opening.move()
  return {
    calls,
    routes: Object.entries({ agent: AGENT_API, hub: HUB_LOCAL_API, tunnel: TUNNEL_API }).flatMap(
      ([prefix, api]) => Object.keys(api).map(name => `${prefix}.${name}`),
    ),
    answer(route, give) {
      answers[route] = give
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

const APPS: Readonly<Record<string, Record<string, Route>>> = {
  tunnel: TUNNEL_API,
  files: FILES_API,
  sync: SYNC_API,
  terminal: TERMINAL_API,
  script: SCRIPT_API,
  proxy: PROXY_API,
}
