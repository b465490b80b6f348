import { z } from 'zod'
import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi'
import type { EdgeRoute } from './edge-route.ts'

/**
 * The OpenAPI 3.1 document of an Edge API, made from the routes and shapes that serve it.
 *
 * @param basePath  where the API is: `/edge/client/v1`
 * @returns a JSON object
 */
export function describeEdgeApi(title: string, basePath: string, routes: readonly EdgeRoute[]): object {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    paths[route.path] ??= {}
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: describeRoute(route) }
  }
  return createDocument({
    openapi: '3.1.0',
    info: { title, version: '1' },
    servers: [{ url: basePath }],
    components: {
      securitySchemes: { session: { type: 'apiKey', in: 'header', name: 'zt-session' } },
    },
    paths: paths as ZodOpenApiPathsObject,
  })
}

function describeRoute(route: EdgeRoute): object {
  const { method, path, summary, needs, answer, body, isBodyOptional, errors = [] } = route
  const status = answer === 'create' ? 201 : 200
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  const query = answer === 'list' ? [...LIST_QUERY, ...(route.query ?? [])] : (route.query ?? [])
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^A-Za-z0-9]+/g, '_')}`,
    summary: needs === 'admin' ? `${summary} (administrators)` : summary,
    ...(needs !== 'nothing' && { security: [{ session: [] }] }),
    requestParams: { path: textObject(names, false), query: textObject(query, true) },
    ...(body !== undefined && {
      requestBody: { required: isBodyOptional !== true, content: { 'application/json': { schema: body } } },
    }),
    responses: {
      [status]: { description: 'Done', content: { 'application/json': { schema: answerShape(route) } } },
      default: {
        description: ['An error', ...errors].join(', '),
        content: { 'application/json': { schema: ERROR_SHAPE } },
      },
    },
  }
}

function textObject(names: readonly string[], isOptional: boolean): z.ZodObject {
  return z.object(
    Object.fromEntries(names.map(name => [name, isOptional ? z.string().optional() : z.string()])),
  )
}

function answerShape({ answer, data = z.looseObject({}) }: EdgeRoute): z.ZodType {
  switch (answer) {
    case 'list':
      return z.object({ data: z.array(data), meta: LIST_META })
    case 'create':
      return z.object({ data: z.looseObject({ id: z.string() }), meta: z.object({}) })
    case 'empty':
      return z.object({ data: z.object({}), meta: z.object({}) })
    case 'one':
      return z.object({ data, meta: z.object({}) })
    case 'raw':
      return z.unknown()
  }
}

const LIST_QUERY = ['limit', 'offset', 'filter', 'sort'] as const
const LIST_META = z.object({
  filterableFields: z.array(z.string()),
  pagination: z.object({ limit: z.number(), offset: z.number(), totalCount: z.number() }),
})
const ERROR_SHAPE = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    requestId: z.string(),
    cause: z.unknown().optional(),
    causeMessage: z.string().optional(),
  }),
  meta: z.object({ apiVersion: z.string(), apiEnrollmentVersion: z.string() }),
})
