import type { EdgeError } from './edge-error.ts'

/** Which part of a list an answer is. */
export interface Pagination {
  readonly limit: number
  readonly offset: number
  /** Of everything that fits the filter, not of this page. */
  readonly totalCount: number
}

/** Versions of the API that every error names. */
export const ERROR_META = { apiVersion: '0.0.1', apiEnrollmentVersion: '0.0.1' } as const

/** The answer that is one thing: status 200. */
export function oneEnvelope(data: unknown): object {
  return { data, meta: {} }
}

/**
 * The answer that is a page of a list: status 200.
 *
 * @param filterableFields  what a filter may name
 */
export function listEnvelope(
  data: readonly unknown[],
  pagination: Pagination,
  filterableFields: readonly string[],
): object {
  return { data, meta: { filterableFields, pagination } }
}

/**
 * The answer to a create: status 201.
 *
 * @param type  the collection's name, as in its path: `services`
 */
export function createEnvelope(type: string, id: string, more: object = {}): object {
  return { data: { _links: selfLink(type, id), id, ...more }, meta: {} }
}

/** The answer to an update or delete: status 200. */
export function emptyEnvelope(): object {
  return { data: {}, meta: {} }
}

/** @param requestId  also in the log, to find the request by */
export function errorEnvelope(error: EdgeError, requestId: string): object {
  const { code, message, cause, data } = error
  const causeMessage = cause === undefined ? undefined : 'reason' in cause ? cause.reason : cause.message
  return {
    error: {
      code,
      message,
      requestId,
      ...(cause !== undefined && { cause, causeMessage }),
      ...(data !== undefined && { data }),
    },
    meta: ERROR_META,
  }
}

/** The link of an entity to itself. */
export function selfLink(type: string, id: string): { self: { href: string } } {
  return { self: { href: `./${type}/${id}` } }
}

/** A reference to an entity, as answers have them beside the id. */
export function entityRef(type: string, id: string, name: string): object {
  return { _links: selfLink(type, id), entity: type, id, name }
}

/** What every entity has. @param type  the collection's name */
export function entityBase(
  type: string,
  record: {
    readonly id: string
    readonly createdAtMs: number
    readonly updatedAtMs: number
    readonly tags?: Readonly<Record<string, unknown>> | undefined
  },
): object {
  return {
    id: record.id,
    createdAt: new Date(record.createdAtMs).toISOString(),
    updatedAt: new Date(record.updatedAtMs).toISOString(),
    tags: record.tags ?? {},
    _links: selfLink(type, record.id),
  }
}
