import type { Context, Hono } from 'hono'
import type { AppContent, AppContents } from '../../core/model/content.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Name } from '../../core/model/names.ts'
import { answerError } from '../../net/serve-routes.ts'
import type { Agent } from '../agent.ts'
import { answerContent } from './answer-content.ts'
import { createContentLinks, type LinkTerms, linkTermsShape } from './content-links.ts'
import { createTransfers, type Transfers } from './transfers.ts'

/** Contents of apps by HTTP: for programs by the API, for the page by links. */
export interface Contents {
  readonly transfers: Transfers
  /** What the API has: `GET`, `HEAD` and `POST …/content`. Whoever gets so far is the agent's user. */
  bind(app: Hono): void
  /** Make a link for a browser that is logged in. @param session  of its login */
  makeLink(context: Context, session: string): Promise<Response>
  /** Answer to a link. @param session  of the login whose cookie came along */
  answerLink(context: Context, session: string | undefined): Promise<Response>
}

/** Make the contents of one agent. */
export function createContents(agent: Agent): Contents {
  const { clock } = agent.options
  const transfers = createTransfers(clock)
  const after = (ms: number, call: () => void) => {
    const timer = setTimeout(call, ms)
    timer.unref()
    return () => clearTimeout(timer)
  }
  const links = createContentLinks(clock, after, ({ mesh, app, query }) =>
    contentsOf(agent, mesh, app).open(query),
  )
  const failed = (context: Context, thrown: unknown) => answerError(context, toMeshError(thrown))
  return {
    transfers,
    bind(app) {
      app.get(PATH, async context => {
        try {
          const { contents, query } = readRequest(agent, context)
          const content = await contents.open(query)
          return answerContent(context, content, { as: 'saved', onDone: () => void closeContent(content) })
        } catch (thrown) {
          return failed(context, thrown)
        }
      })
      app.post(PATH, async context => {
        try {
          return context.json(await takePiece(agent, transfers, context))
        } catch (thrown) {
          return failed(context, thrown)
        }
      })
    },
    async makeLink(context, session) {
      const terms = linkTermsShape.safeParse(await context.req.json().catch(() => undefined))
      if (!terms.success)
        return failed(context, new MeshError('bad-input', 'Cannot make link: the request is not of its form'))
      try {
        contentsOf(agent, terms.data.mesh, terms.data.app)
      } catch (thrown) {
        return failed(context, thrown)
      }
      return context.json({ url: `${LINKS_PATH}/${links.make(session, terms.data)}` })
    },
    async answerLink(context, session) {
      const link = session === undefined ? undefined : links.find(context.req.param('secret') ?? '', session)
      if (link === undefined)
        return failed(
          context,
          new MeshError('not-logged-in', 'Cannot open link: it is none, or too old: load the page again'),
        )
      try {
        const { terms, id } = link
        const { content, release } = await link.take()
        const begin = ({ name, sizeBytes }: AppContent) =>
          transfers.begin({ id, direction: 'out', ...placeOf(terms), name, totalBytes: sizeBytes })
        const isSaved = terms.as === 'saved'
        return answerContent(context, content, { as: terms.as, ...(isSaved && { begin }), onDone: release })
      } catch (thrown) {
        return failed(context, thrown)
      }
    },
  }
}

function placeOf({ mesh, app, query }: LinkTerms) {
  const { endpoint, path } = query
  return {
    mesh,
    app,
    ...(path !== undefined && { place: endpoint === undefined ? path : `${endpoint}:${path}` }),
  }
}

/** @throws MeshError `not-found`, `not-joined` */
function contentsOf(agent: Agent, mesh: Name, name: string): AppContents {
  const contents = agent.mesh(mesh).apps.find(({ app }) => app.name === name)?.instance.contents
  if (contents !== undefined) return contents
  throw new MeshError('not-found', `Cannot reach contents of app "${name}": it has none`)
}

function readRequest(agent: Agent, context: Context) {
  const mesh = context.req.param('mesh') as Name
  const app = `${context.req.param('provider')}/${context.req.param('app')}`
  return { mesh, app, contents: contentsOf(agent, mesh, app), query: context.req.query() }
}

async function takePiece(agent: Agent, transfers: Transfers, context: Context) {
  const { mesh, app, contents, query } = readRequest(agent, context)
  if (contents.take === undefined)
    throw new MeshError('unsupported', `Cannot give anything to app "${app}": it takes nothing`)
  const { transfer, ...asked } = query
  // A person has stopped it, here or with another program.
  const signal = asked.offset === undefined ? undefined : transfers.signalOf(transfer ?? '')
  signal?.throwIfAborted()
  const taken = await contents.take(asked, limited(context.req.raw.body ?? [], signal))
  const { id, name, place, totalBytes, doneBytes } = taken
  if (query.drop !== undefined) {
    if (transfers.all.some(one => one.id === id)) transfers.stop(id)
    return taken
  }
  const moving = transfers.begin({ id, direction: 'in', mesh, app, name, place, totalBytes })
  moving.reach(doneBytes)
  moving.end()
  return taken
}

/** @throws MeshError `too-large`; `link-closed` if they are cut */
async function* limited(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let length = 0
  try {
    for await (const some of bytes) {
      signal?.throwIfAborted()
      length += some.length
      if (length > MAX_PIECE_BYTES)
        throw new MeshError('too-large', `Cannot take piece: over ${MAX_PIECE_BYTES} bytes`)
      yield some
    }
  } catch (thrown) {
    if (thrown instanceof MeshError) throw thrown
    throw new MeshError('link-closed', 'Cannot take piece: it was cut', { cause: thrown })
  }
}

async function closeContent(content: AppContent): Promise<void> {
  try {
    await content[Symbol.asyncDispose]()
  } catch {
    // It is read no more.
  }
}

/** Where links lead, before their secret. */
export const LINKS_PATH = '/api/contents'
const PATH = '/api/meshes/:mesh/apps/:provider/:app/content'
/** The largest piece that is taken in one request. */
const MAX_PIECE_BYTES = 33_554_432
