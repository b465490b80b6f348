import { z } from 'zod'
import type { AGENT_API } from '../api/agent-api.ts'
import { EDGE_MANAGEMENT_PATH } from '../api/edge-path.ts'
import type { Answer, Arguments } from '../api/route.ts'
import { type ErrorCode, MeshError } from '../model/errors.ts'
import { printable, quote } from '../model/quote.ts'
import { EDGE_KINDS, type EdgeKind } from './edge-kinds.ts'
import type { Entity, Json } from './entity-members.ts'
import { MAX_PAGE_COUNT } from './filter-limits.ts'

/** What is asked of a list, and which part of it is wanted; the controller's own order and page where nothing is said. */
export interface PageQuery {
  readonly filter?: string | undefined
  readonly sort?: string | undefined
  readonly limit?: number | undefined
  readonly offset?: number | undefined
}

/** A part of a list. */
export interface EntityPage {
  readonly entities: readonly Entity[]
  /** Of everything that fits the filter. */
  readonly totalCount: number
}

/** The Edge APIs of one mesh, asked through the agent here: as its endpoint, which has to be an administrator's for most. */
export interface EdgeClient {
  /** Local name of the mesh. */
  readonly mesh: string
  /** All entities of a kind that a filter takes, in the order of the controller. @throws MeshError */
  list(kind: EdgeKind, filter?: string): Promise<Entity[]>
  page(kind: EdgeKind, query: PageQuery): Promise<EntityPage>
  /** A page of any other list; the path is below the management API's own. @throws MeshError */
  pageAt(path: string, query: PageQuery): Promise<EntityPage>
  /** The one of an id or name. @throws MeshError `not-found`, `ambiguous` */
  find(kind: EdgeKind, reference: string): Promise<Entity>
  show(kind: EdgeKind, id: string): Promise<Entity>
  /** @returns the new entity's id */
  create(kind: EdgeKind, body: Json): Promise<string>
  patch(kind: EdgeKind, id: string, body: Json): Promise<void>
  replace(kind: EdgeKind, id: string, body: Json): Promise<void>
  delete(kind: EdgeKind, id: string): Promise<void>
  /** `data` of any other answer; the path is below the management API's own. @throws MeshError */
  ask(method: EdgeMethod, path: string, body?: Json): Promise<unknown>
}

type EdgeMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
type Pass = typeof AGENT_API.passEdge

/** Asks the agent to pass a request on. @throws MeshError as the route */
export type PassEdge = (wish: Arguments<Pass>) => Promise<Answer<Pass>>

/**
 * The Edge APIs of a mesh by its local name.
 *
 * @param basePath  where the API is whose paths these are
 */
export function createEdgeClient(mesh: string, pass: PassEdge, basePath = EDGE_MANAGEMENT_PATH): EdgeClient {
  async function send(method: EdgeMethod, path: string, body?: Json, action?: string): Promise<unknown> {
    const request = { method, path: `${basePath}${path}`, ...(body !== undefined && { body }) }
    const answer = await pass({ params: { mesh }, body: request })
    if (answer.status >= 200 && answer.status < 300) return answer.body
    throw refusal(answer, `Cannot ${action ?? `${VERBS[method]} ${path.split('?')[0]?.slice(1)}`}`)
  }

  async function pageAt(path: string, query: PageQuery): Promise<EntityPage> {
    const words = Object.entries({ ...query })
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${encodeURIComponent(String(value).toWellFormed())}`)
    const answer = await send('GET', words.length === 0 ? path : `${path}?${words.join('&')}`)
    const { data, meta } = read(listShape, answer, path.slice(1))
    return { entities: data, totalCount: meta.pagination.totalCount }
  }

  async function list(kind: EdgeKind, filter?: string): Promise<Entity[]> {
    const entities: Entity[] = []
    for (;;) {
      const query = { limit: MAX_PAGE_COUNT, offset: entities.length, filter }
      const page = await pageAt(pathOf(kind), query)
      entities.push(...page.entities)
      if (page.entities.length === 0 || entities.length >= page.totalCount) return entities
    }
  }

  return {
    mesh,
    list,
    pageAt,
    page: (kind, query) => pageAt(pathOf(kind), query),
    find: (kind, reference) => findIn(list, kind, reference),
    show: async (kind, id) => read(oneShape, await send('GET', pathOf(kind, id)), collectionOf(kind)).data,
    create: async (kind, body) =>
      read(oneShape, await send('POST', pathOf(kind), body, creation(kind, body)), collectionOf(kind)).data
        .id,
    async patch(kind, id, body) {
      await send('PATCH', pathOf(kind, id), body)
    },
    async replace(kind, id, body) {
      await send('PUT', pathOf(kind, id), body)
    },
    async delete(kind, id) {
      await send('DELETE', pathOf(kind, id))
    },
    async ask(method, path, body) {
      const answer = await send(method, path, body)
      return (answer as { data?: unknown } | undefined)?.data
    },
  }
}

async function findIn(list: EdgeClient['list'], kind: EdgeKind, reference: string): Promise<Entity> {
  const text = quoteForFilter(reference)
  const hasName = !NAMELESS.has(kind)
  const found = await list(kind, hasName ? `id = ${text} or name = ${text}` : `id = ${text}`)
  const [word] = EDGE_KINDS[kind].words
  const [first, second] = found
  const entity = found.find(({ id }) => id === reference) ?? first
  if (entity === undefined) {
    const state = `there is none: see \`ztm get ${word}\``
    throw new MeshError('not-found', `Cannot find ${word} ${quote(reference)}: ${state}`)
  }
  if (second !== undefined && entity.id !== reference) {
    const state = 'there are several: give its id'
    throw new MeshError('ambiguous', `Cannot choose ${word} ${quote(reference)}: ${state}`)
  }
  return entity
}

/** `create service "db"` */
function creation(kind: EdgeKind, body: Json): string {
  const { name } = body as { name?: unknown }
  const [word] = EDGE_KINDS[kind].words
  return typeof name === 'string' ? `create ${word} ${quote(name)}` : `create ${word}`
}

const VERBS = { GET: 'read', POST: 'create', PUT: 'replace', PATCH: 'change', DELETE: 'delete' } as const

/** A text as a filter has it. */
export function quoteForFilter(text: string): string {
  return JSON.stringify(text.toWellFormed())
}

function pathOf(kind: EdgeKind, id?: string): string {
  const { collection } = EDGE_KINDS[kind]
  return id === undefined ? `/${collection}` : `/${collection}/${encodeURIComponent(id)}`
}

function collectionOf(kind: EdgeKind): string {
  return EDGE_KINDS[kind].collection
}

/** What an Edge API answered instead of data, as an error of ours: its words, and an exit code for scripts. */
function refusal({ status, body }: { status: number; body?: unknown }, action: string): MeshError {
  const { data: error } = errorShape.safeParse((body as { error?: unknown } | undefined)?.error)
  const code = CODES[status] ?? (status >= 500 ? 'call-failed' : 'bad-input')
  if (error === undefined) return new MeshError(code, `${action}: the controller answered ${status}`)
  if (status === 401) {
    const state = 'only administrators may: use an endpoint of user "root"'
    return new MeshError('denied', `${action}: ${state}`)
  }
  const { field, reason, message } = error.cause ?? {}
  // Which field and why says all; without, the controller's sentence and what it adds to it.
  const general =
    message === undefined || message === error.message ? error.message : `${error.message}: ${message}`
  const text = field === undefined ? general : `${field}: ${reason ?? error.message}`
  return new MeshError(code, `${action}: ${printable(text, MAX_SHOWN)} (${printable(error.code, 64)})`)
}

function read<T extends z.ZodType>(shape: T, answer: unknown, what: string): z.output<T> {
  const parsed = shape.safeParse(answer)
  if (parsed.success) return parsed.data
  const state = `the controller's answer is not of its form: restart it if it is of another version`
  throw new MeshError('bad-message', `Cannot read ${what}: ${state}`)
}

const entityShape = z.looseObject({ id: z.string() })
const oneShape = z.object({ data: entityShape })
const listShape = z.object({
  data: z.array(entityShape),
  meta: z.object({ pagination: z.object({ totalCount: z.number() }) }),
})
const errorShape = z.object({
  code: z.string(),
  message: z.string(),
  cause: z
    .object({ field: z.string().optional(), reason: z.string().optional(), message: z.string().optional() })
    .optional(),
})
/** Kinds whose entities have an id alone. */
export const NAMELESS: ReadonlySet<EdgeKind> = new Set([
  'enrollment',
  'authenticator',
  'terminator',
  'session',
  'api-session',
])
const CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'denied',
  403: 'denied',
  404: 'not-found',
  409: 'conflict',
  413: 'too-large',
  429: 'too-many',
  503: 'offline',
}
const MAX_SHOWN = 500
