import { z } from 'zod'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { EDGE_MANAGEMENT_PATH } from '../../core/api/edge-path.ts'
import { MAX_PAGE_COUNT } from '../../core/edge/filter-limits.ts'
import { type ErrorCode, MeshError } from '../../core/model/errors.ts'
import { printable, quote } from '../../core/model/quote.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { EDGE_KINDS, type EdgeKind } from './edge-kinds.ts'

/** An entity as the controller shows it: of its members only the id is sure. */
export type Entity = z.output<typeof entityShape>

/** A body of a request: plain JSON. */
export type Json = z.output<ReturnType<typeof z.json>>

/** The management API of one mesh, asked through the agent here: as its endpoint, which has to be an administrator's. */
export interface EdgeClient {
  /** Local name of the mesh. */
  readonly mesh: string
  /** All entities of a kind that a filter takes, in the order of the controller. @throws MeshError */
  list(kind: EdgeKind, filter?: string): Promise<Entity[]>
  /** The one of an id or name. @throws MeshError `not-found`, `ambiguous` */
  find(kind: EdgeKind, reference: string): Promise<Entity>
  show(kind: EdgeKind, id: string): Promise<Entity>
  /** @returns the new entity's id */
  create(kind: EdgeKind, body: Json): Promise<string>
  patch(kind: EdgeKind, id: string, body: Json): Promise<void>
  replace(kind: EdgeKind, id: string, body: Json): Promise<void>
  delete(kind: EdgeKind, id: string): Promise<void>
  /** `data` of any other answer; the path is below the API's own. @throws MeshError */
  ask(method: EdgeMethod, path: string, body?: Json): Promise<unknown>
}

type EdgeMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The management API of the mesh that the line speaks of. @throws MeshError `not-joined`, `ambiguous`, `agent-down` */
export async function openEdge(cli: Cli): Promise<EdgeClient> {
  const { mesh } = await choosePlace(cli)
  return createEdgeClient(cli, mesh.name)
}

/** The management API of a mesh by its local name. */
export function createEdgeClient(cli: Cli, mesh: string): EdgeClient {
  async function send(method: EdgeMethod, path: string, body?: Json): Promise<unknown> {
    const request = { method, path: `${EDGE_MANAGEMENT_PATH}${path}`, ...(body !== undefined && { body }) }
    const answer = await callAgent(cli, AGENT_API.passEdge, { params: { mesh }, body: request })
    if (answer.status >= 200 && answer.status < 300) return answer.body
    throw refusal(answer, `Cannot ${method} ${path.split('?')[0]}`)
  }

  function pathOf(kind: EdgeKind, id?: string): string {
    const { collection } = EDGE_KINDS[kind]
    return id === undefined ? `/${collection}` : `/${collection}/${encodeURIComponent(id)}`
  }

  async function list(kind: EdgeKind, filter?: string): Promise<Entity[]> {
    const entities: Entity[] = []
    for (;;) {
      const query = new URLSearchParams({ limit: String(MAX_PAGE_COUNT), offset: String(entities.length) })
      if (filter !== undefined) query.set('filter', filter)
      const page = read(listShape, await send('GET', `${pathOf(kind)}?${query}`), kind)
      entities.push(...page.data)
      if (page.data.length === 0 || entities.length >= page.meta.pagination.totalCount) return entities
    }
  }

  return {
    mesh,
    list,
    async find(kind, reference) {
      const text = JSON.stringify(reference.toWellFormed())
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
    },
    show: async (kind, id) => read(oneShape, await send('GET', pathOf(kind, id)), kind).data,
    create: async (kind, body) => read(oneShape, await send('POST', pathOf(kind), body), kind).data.id,
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
  const about = field === undefined ? message : `${field}: ${reason ?? ''}`
  const text = about === undefined || about === error.message ? error.message : `${error.message}: ${about}`
  return new MeshError(code, `${action}: ${printable(text, MAX_SHOWN)} (${printable(error.code, 64)})`)
}

function read<T extends z.ZodType>(shape: T, answer: unknown, kind: EdgeKind): z.output<T> {
  const parsed = shape.safeParse(answer)
  if (parsed.success) return parsed.data
  const state = `the controller's answer is not of its form: restart it if it is of another version`
  throw new MeshError('bad-message', `Cannot read ${EDGE_KINDS[kind].collection}: ${state}`)
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
