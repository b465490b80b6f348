import type { z } from 'zod'
import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi'
import { ERRORS, type ErrorCode } from '../model/errors.ts'
import type { Route } from './route.ts'
import { errorShape } from './shapes.ts'

/** One API and where it is mounted. */
export interface MountedApi {
  readonly api: Record<string, Route>
  /** Put before each path; may have parameters of its own. */
  readonly prefix?: string
  readonly prefixParams?: z.ZodObject
  /** Group in the document. */
  readonly tag: string
}

/**
 * The OpenAPI 3.1 document of some APIs, made from the schemas that validate them.
 *
 * @returns a JSON object
 */
export function describeApis(title: string, version: string, mounted: readonly MountedApi[]): object {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const { api, prefix = '', prefixParams, tag } of mounted) {
    for (const [name, route] of Object.entries(api)) {
      const path = `${prefix}${route.path}`
      paths[path] ??= {}
      paths[path][route.method.toLowerCase()] = describeRoute(name, route, tag, prefixParams)
    }
  }
  return createDocument({ openapi: '3.1.0', info: { title, version }, paths: paths as ZodOpenApiPathsObject })
}

function describeRoute(
  name: string,
  route: Route,
  tag: string,
  prefixParams: z.ZodObject | undefined,
): object {
  const params = [prefixParams, route.params].filter(part => part !== undefined)
  const path = params.reduce<z.ZodObject | undefined>(
    (all, part) => all?.extend(part.shape) ?? part,
    undefined,
  )
  const errors = [
    'bad-input',
    'too-large',
    'bug',
    ...(route.errors ?? []),
  ] as const satisfies readonly ErrorCode[]
  const byStatus = Map.groupBy(new Set(errors), code => ERRORS[code].http)
  return {
    operationId: `${tag}_${name}`,
    tags: [tag],
    summary: route.summary,
    requestParams: { ...(path && { path }), ...(route.query && { query: route.query }) },
    ...(route.body && {
      requestBody: { required: true, content: { 'application/json': { schema: route.body } } },
    }),
    responses: {
      ...(route.response
        ? { 200: { description: 'Done', content: { 'application/json': { schema: route.response } } } }
        : { 204: { description: 'Done' } }),
      ...Object.fromEntries(
        [...byStatus].map(([status, codes]) => [
          status,
          { description: codes.join(', '), content: { 'application/json': { schema: errorShape } } },
        ]),
      ),
    },
  }
}
