import { z } from 'zod'
import type { GatewayRoute } from '../core/gateway/gateway-config.ts'
import { MeshError } from '../core/model/errors.ts'
import { structCodec } from '../sdk/zap/struct-kind.ts'
import {
  CALL_TOOL,
  GET_PROMPT,
  INIT,
  LIST_PROMPTS,
  LIST_RESOURCES,
  LIST_TOOLS,
  READ_RESOURCE,
  SUBSCRIBE,
} from '../sdk/zap/tool-methods.ts'
import { BYTES, jsonCodec, type ZapMethod, zapMethod } from '../sdk/zap/zap-method.ts'
import { declaredStruct } from './declared-struct.ts'

/** How requests of a route become calls, and results answers. */
export interface ZapForm {
  readonly method: ZapMethod<unknown, unknown>
  readonly stream: 'sse' | 'ndjson' | undefined
  /** The params of a call from JSON. @throws MeshError `bad-input` */
  params(json: unknown): unknown
  /** A result as JSON text. */
  result(value: unknown): string
}

/**
 * The form of a route's calls.
 *
 * @throws MeshError `bad-input` for a method that schema/zap.capnp does not have
 */
export function zapForm({ method, schema, stream, ...own }: NonNullable<GatewayRoute['zap']>): ZapForm {
  if (own.request !== undefined && own.response !== undefined) {
    const params = structCodec(declaredStruct('request', own.request))
    // Written here, so that what does not fit is the caller's mistake.
    return {
      method: zapMethod(method, BYTES, structCodec(declaredStruct('response', own.response))) as ZapMethod<
        unknown,
        unknown
      >,
      stream,
      params: json => params.encode(json as Readonly<Record<string, unknown>>),
      result: value => JSON.stringify(value),
    }
  }
  if (schema === 'json') {
    const json = jsonCodec(z.unknown())
    return {
      method: zapMethod(method, json, json),
      stream,
      params: value => value,
      result: value => JSON.stringify(value),
    }
  }
  const row = Object.hasOwn(STRUCT_METHODS, method) ? STRUCT_METHODS[method] : undefined
  if (row === undefined) {
    const known = Object.keys(STRUCT_METHODS).join(', ')
    throw new MeshError(
      'bad-input',
      `Cannot use route: schema zap has no method "${method}": it has ${known}`,
    )
  }
  return {
    method: row.method as ZapMethod<unknown, unknown>,
    stream,
    params(json) {
      const read = row.params.safeParse(json)
      if (read.success) return read.data
      const [issue] = read.error.issues
      throw new MeshError(
        'bad-input',
        `Cannot read request: ${[...(issue?.path ?? []), issue?.message].join('.')}`,
      )
    },
    result: value => JSON.stringify(toJson(value)) ?? 'null',
  }
}

/** Values of structs as JSON has them: bytes as base64, integers as numbers where they are exact, else as text. */
function toJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, toJson(one)]))
}

/** Cap'n Proto's Data is base64 in JSON. */
const data = z
  .base64()
  .default('')
  .transform(text => new Uint8Array(Buffer.from(text, 'base64')))
const metadata = z.union([
  z.array(z.tuple([z.string(), z.string()])).default([]),
  z.record(z.string(), z.string()).transform(one => Object.entries(one)),
])
const nothing = z.unknown().transform(() => undefined)
const uri = z.union([z.string(), z.strictObject({ uri: z.string() }).transform(one => one.uri)])

const STRUCT_METHODS: Readonly<Record<string, { readonly method: unknown; readonly params: z.ZodType }>> = {
  init: { method: INIT, params: z.strictObject({ name: z.string(), version: z.string().default('') }) },
  listTools: { method: LIST_TOOLS, params: nothing },
  callTool: {
    method: CALL_TOOL,
    params: z.strictObject({ id: z.string().default(''), name: z.string(), args: data, metadata }),
  },
  listResources: { method: LIST_RESOURCES, params: nothing },
  readResource: { method: READ_RESOURCE, params: uri },
  subscribe: { method: SUBSCRIBE, params: uri },
  listPrompts: { method: LIST_PROMPTS, params: nothing },
  getPrompt: {
    method: GET_PROMPT,
    params: z.strictObject({ name: z.string(), args: metadata }),
  },
}
