import { EdgeError } from '../core/edge/edge-error.ts'
import {
  createEnvelope,
  emptyEnvelope,
  errorEnvelope,
  listEnvelope,
  oneEnvelope,
} from '../core/edge/envelope.ts'
import type { FilterSymbols } from '../core/edge/filter-symbols.ts'
import { parseListQuery, takePage } from '../core/edge/list-query.ts'
import type { FakeAnswer, FakeCall } from './fake-call.ts'

/** An entity of a fake management API. */
export type FakeEntity = { readonly id: string } & Record<string, unknown>

/** A management API that keeps what it is given and checks nothing, for `agent.passEdge` of the fake daemons. */
export interface FakeEdge {
  readonly answer: FakeAnswer
  /** What there is, by collection: may be added to. */
  readonly collections: Record<string, FakeEntity[]>
  /** Every request that changed something: `POST /services`, with its body. */
  readonly changes: { readonly request: string; readonly body: unknown }[]
}

/** Make one. @param collections  what there is from the start */
export function createFakeEdge(collections: Record<string, FakeEntity[]> = {}): FakeEdge {
  const changes: FakeEdge['changes'] = []
  let count = 0

  function change(method: string, type: string, id: string, body: Record<string, unknown>): object {
    collections[type] ??= []
    const entities = collections[type]
    const index = entities.findIndex(entity => entity.id === id)
    if (method === 'POST') {
      count += 1
      const made = { ...body, id: `00000000-0000-4000-8000-${String(count).padStart(12, '0')}` }
      entities.push(made)
      return createEnvelope(type, made.id)
    }
    const before = entities[index]
    if (before === undefined) throw new EdgeError('NOT_FOUND', `There is none of ${type} with this id`)
    if (method === 'DELETE') entities.splice(index, 1)
    else entities[index] = method === 'PUT' ? { ...body, id } : { ...before, ...body }
    return emptyEnvelope()
  }

  function serve(method: string, path: string, query: URLSearchParams, body: unknown): object {
    const [type = '', id] = path.split('/')
    if (method !== 'GET') {
      changes.push({ request: `${method} /${path}`, body })
      return change(method, type, id ?? '', body as Record<string, unknown>)
    }
    const entities = collections[type] ?? []
    if (id === undefined) {
      const page = takePage(entities, parseListQuery(Object.fromEntries(query), SYMBOLS))
      return listEnvelope(page.entities, page.pagination, Object.keys(SYMBOLS))
    }
    const entity = collections[path]?.[0] ?? entities.find(each => each.id === id)
    if (entity === undefined) throw new EdgeError('NOT_FOUND', `There is none of ${type} with this id`)
    return oneEnvelope(entity)
  }

  return {
    collections,
    changes,
    answer({ body }: FakeCall) {
      const request = body as { method: string; path: string; body?: unknown }
      const url = new URL(request.path, 'https://hub.example')
      const path = decodeURIComponent(url.pathname.replace('/edge/management/v1/', ''))
      try {
        const answered = serve(request.method, path, url.searchParams, request.body)
        return { status: request.method === 'POST' ? 201 : 200, body: answered }
      } catch (error) {
        if (!(error instanceof EdgeError)) throw error
        return { status: error.status, body: errorEnvelope(error, 'r1') }
      }
    },
  }
}

const SYMBOLS: FilterSymbols = {
  id: { type: 'string' },
  name: { type: 'string' },
  type: { type: 'string' },
  tags: { type: 'any', isMap: true },
}
