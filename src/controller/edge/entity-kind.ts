import { z } from 'zod'
import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { defineEdgeRoute } from '../../core/edge/edge-route.ts'
import { createEnvelope, emptyEnvelope, listEnvelope, oneEnvelope } from '../../core/edge/envelope.ts'
import { type FilterSymbols, listFilterableFields } from '../../core/edge/filter-symbols.ts'
import { parseListQuery, takePage } from '../../core/edge/list-query.ts'
import { quote } from '../../core/model/quote.ts'
import type { Context } from '../context.ts'
import { randomUuid } from '../uuid.ts'
import { checkShape } from './edge-body.ts'
import type { EdgeCall, EdgeHandler, EdgeReply, ServedRoute } from './edge-call.ts'
import type { Entities, EntityRecord } from './entities.ts'

/** What a new record begins with; of one that is changed, its own. */
export interface EntityBase {
  readonly version: 1
  readonly id: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly tags: Record<string, string | number | boolean | null>
}

/** One kind of entity of the management API: all there is to say of it. The rest is alike for all kinds. */
export interface EntityKind<R extends EntityRecord & { readonly name?: string }, I> {
  /** Name of the collection, as in paths: `service-policies`. */
  readonly type: string
  readonly entities: Entities<R>
  /** More of them that other records stand for; they cannot be changed here. */
  readonly projected?: { all(): Iterable<R>; get(id: string): R | undefined }
  /** What a filter may name. */
  readonly symbols: FilterSymbols
  readonly show: (record: R, now: number) => object
  /** What creates and replaces one: every member that is not required may be null or missing. */
  readonly input: z.ZodObject
  /** What patches one, where it is not just a part of the input. */
  readonly patch?: z.ZodType
  /** The record that an input means. @throws EdgeError for what cannot be */
  readonly make: (input: I, base: EntityBase, previous: R | undefined) => R
  /** The input that would make this record: a patch is laid over it. */
  readonly inputOf: (record: R) => Record<string, unknown>
  /** Members whose objects a patch changes in part. */
  readonly deep?: readonly string[]
  /** Which of the five operations there are; all if absent. */
  readonly operations?: readonly ('create' | 'replace' | 'delete')[]
  /** @throws EdgeError for one that has to stay */
  readonly mayDelete?: (record: R) => void
  /** After a change is stored, within the same turn of `exclusive`. */
  readonly afterChange?: (
    next: R | undefined,
    previous: R | undefined,
    input: I | undefined,
  ) => Promise<void> | void
}

/** The routes of one kind, for administrators. */
export function serveEntities<R extends EntityRecord & { readonly name?: string }, I>(
  context: Pick<Context, 'exclusive' | 'random' | 'log'>,
  kind: EntityKind<R, I>,
): ServedRoute[] {
  const { type, operations = ['create', 'replace', 'delete'] } = kind
  const machine = createMachine(context, kind)
  const one = `/${type}/{id}`
  const admin = { needs: 'admin', data: z.looseObject({ id: z.string() }) } as const
  const patch = kind.patch ?? kind.input.partial()
  const served: ServedRoute[] = [
    route(
      { ...admin, method: 'GET', path: `/${type}`, summary: `List ${type}`, answer: 'list' },
      machine.list,
    ),
    route(
      { ...admin, method: 'GET', path: one, summary: `Show one of ${type}`, answer: 'one' },
      machine.show,
    ),
  ]
  if (operations.includes('create')) {
    const summary = `Create one of ${type}`
    const create = {
      ...admin,
      method: 'POST',
      path: `/${type}`,
      summary,
      answer: 'create',
      body: kind.input,
    } as const
    served.push(route(create, machine.create))
  }
  if (operations.includes('replace')) {
    const replace = { ...admin, path: one, answer: 'empty' } as const
    served.push(
      route(
        { ...replace, method: 'PUT', summary: `Replace one of ${type}`, body: kind.input },
        machine.replace,
      ),
      route({ ...replace, method: 'PATCH', summary: `Change one of ${type}`, body: patch }, machine.patch),
    )
  }
  if (operations.includes('delete')) {
    const summary = `Delete one of ${type}`
    served.push(route({ ...admin, method: 'DELETE', path: one, summary, answer: 'empty' }, machine.delete))
  }
  return served
}

function route(definition: ServedRoute['route'], handler: EdgeHandler): ServedRoute {
  return { route: defineEdgeRoute(definition), handler }
}

type Machine = Record<'list' | 'show' | 'create' | 'replace' | 'patch' | 'delete', EdgeHandler>

function createMachine<R extends EntityRecord & { readonly name?: string }, I>(
  { exclusive, random, log }: Pick<Context, 'exclusive' | 'random' | 'log'>,
  kind: EntityKind<R, I>,
): Machine {
  const { type, entities, projected } = kind

  async function write(call: EdgeCall, id: string, body: unknown, previous: R | undefined): Promise<R> {
    const input = checkShape(kind.input, body) as I & { tags?: EntityBase['tags'] | null }
    const base: EntityBase = {
      version: 1,
      id,
      createdAtMs: previous?.createdAtMs ?? call.now,
      updatedAtMs: call.now,
      tags: input.tags ?? {},
    }
    const record = kind.make(input, base, previous)
    refuseSecond(record)
    if (previous === undefined && entities.size >= MAX_ENTITIES) {
      throw new EdgeError(
        'SERVER_TOO_MANY_REQUESTS',
        `There are ${MAX_ENTITIES} ${type} already: delete some`,
      )
    }
    await entities.put(record)
    log.info('entity.written', {
      type,
      id,
      name: record.name,
      by: whoIs(call),
      isNew: previous === undefined,
    })
    await kind.afterChange?.(record, previous, input)
    return record
  }

  function refuseSecond(record: R): void {
    if (record.name === undefined) return
    const other = entities.named(record.name)
    if (other === undefined || other.id === record.id) return
    throw fieldError('name', `there is one of ${type} with this name already`, record.name)
  }

  /** The record that a call may change. @throws EdgeError */
  function own(id: string | undefined, verb: 'UPDATED' | 'DELETED'): R {
    const record = entities.get(id ?? '')
    if (record !== undefined) return record
    if (projected?.get(id ?? '') === undefined) throw missing(type, id)
    throw new EdgeError(
      `ENTITY_CAN_NOT_BE_${verb}`,
      'It follows from an endpoint or user of the mesh: change that',
    )
  }

  return {
    list: ({ query, now }) => pageOf(kind, all(kind), query, now),
    show({ params, now }) {
      const record = find(kind, params.id)
      return { body: oneEnvelope(kind.show(record, now)) }
    },
    create: call =>
      exclusive(async () => {
        const record = await write(call, randomUuid(random), call.body, undefined)
        return { body: createEnvelope(type, record.id), status: 201 }
      }),
    replace: call =>
      exclusive(async () => {
        const previous = own(call.params.id, 'UPDATED')
        await write(call, previous.id, call.body, previous)
        return { body: emptyEnvelope() }
      }),
    patch: call =>
      exclusive(async () => {
        const previous = own(call.params.id, 'UPDATED')
        const patch = call.body as Record<string, unknown>
        await write(call, previous.id, lay(patch, kind.inputOf(previous), kind.deep ?? []), previous)
        return { body: emptyEnvelope() }
      }),
    delete: call =>
      exclusive(async () => {
        const record = own(call.params.id, 'DELETED')
        kind.mayDelete?.(record)
        await entities.delete(record.id)
        log.info('entity.deleted', { type, id: record.id, name: record.name, by: whoIs(call) })
        await kind.afterChange?.(undefined, record, undefined)
        return { body: emptyEnvelope() }
      }),
  }
}

/** All there are of a kind, those included that other records stand for. */
export function all<R extends EntityRecord>(
  kind: Pick<EntityKind<R, never>, 'entities' | 'projected'>,
): readonly R[] {
  return kind.projected === undefined
    ? kind.entities.list()
    : [...kind.entities.list(), ...kind.projected.all()]
}

/** One of a kind. @throws EdgeError NOT_FOUND */
export function find<R extends EntityRecord>(
  kind: Pick<EntityKind<R, never>, 'entities' | 'projected' | 'type'>,
  id: string | undefined,
): R {
  const record = kind.entities.get(id ?? '') ?? kind.projected?.get(id ?? '')
  if (record === undefined) throw missing(kind.type, id)
  return record
}

/** The page of records that a query asks for, as an answer. @throws EdgeError for a query that cannot be read */
export function pageOf<R>(
  { symbols, show }: { readonly symbols: FilterSymbols; readonly show: (record: R, now: number) => object },
  records: readonly R[],
  query: EdgeCall['query'],
  now: number,
): EdgeReply {
  const { entities, pagination } = takePage(records, parseListQuery(query, symbols))
  const data = entities.map(record => show(record, now))
  return { body: listEnvelope(data, pagination, listFilterableFields(symbols)) }
}

/** What is not there, or not for the caller to see. */
export function missing(type: string, id: string | undefined): EdgeError {
  return new EdgeError('NOT_FOUND', `There is none of ${type} with id ${quote(id ?? '')}`)
}

/** Symbols that all kinds have; records have times in ms. */
export const BASE_SYMBOLS = {
  id: { type: 'string' },
  createdAt: { type: 'datetime', read: record => (record as EntityRecord).createdAtMs },
  updatedAt: { type: 'datetime', read: record => (record as EntityRecord).updatedAtMs },
  tags: { type: 'any', isMap: true },
} satisfies FilterSymbols

/** Symbols of kinds that have names. */
export const NAMED_SYMBOLS = { ...BASE_SYMBOLS, name: { type: 'string' } } satisfies FilterSymbols

function lay(patch: Record<string, unknown>, onto: Record<string, unknown>, deep: readonly string[]): object {
  const laid: Record<string, unknown> = { ...onto }
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) continue
    const below = onto[name]
    const isDeep = deep.includes(name) && isObject(value) && isObject(below)
    laid[name] = isDeep ? lay(value, below, Object.keys(value)) : value
  }
  return laid
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Who asked, for the log. */
export function whoIs({ asker }: Pick<EdgeCall, 'asker'>): string {
  return asker === undefined ? '' : asker.kind === 'session' ? asker.identity.name : asker.member.name
}

/** Entities of one kind. */
export const MAX_ENTITIES = 20_000
