import { z } from 'zod'
import { MeshError } from '../core/model/errors.ts'
import { toZtmError } from './ztm-error.ts'

// What is read of the answers of the Edge client API; whatever else is in them is passed over, so that a newer controller
// may say more.

/** `data` of a login. */
export const loginShape = z.object({
  id: z.string().max(128),
  token: z.string().min(1).max(8_192),
  identity: z.object({ id: z.string().max(128), name: z.string().max(512) }),
  expiresAt: z.string().max(64).optional(),
  expirationSeconds: z.number().optional(),
})

/** `data` of the current API session. */
export const apiSessionShape = loginShape.extend({
  token: z.string().max(8_192).optional(),
  createdAt: z.string().max(64).optional(),
  lastActivityAt: z.string().max(64).optional(),
  authenticatorId: z.string().max(128).nullish(),
})

/** `data` of a session certificate. */
export const certificateAnswerShape = z.object({
  certificate: z.string().max(65_536),
  cas: z.string().max(262_144),
})

/** A hub, as the list of edge routers shows it. */
export const edgeRouterShape = z.object({
  name: z.string().max(512),
  hostname: z.string().max(512).optional(),
  isOnline: z.boolean().optional(),
  supportedProtocols: z.record(z.string(), z.string().max(1_024)).optional(),
  urls: z.record(z.string(), z.string().max(1_024)).optional(),
})

/** A service, as the list of services shows it. */
export const edgeServiceShape = z.object({
  id: z.string().max(512),
  name: z.string().max(512),
  permissions: z.array(z.string().max(32)).max(32).default([]),
  encryptionRequired: z.boolean().default(true),
  configs: z.array(z.string().max(512)).max(1_000).default([]),
  config: z.record(z.string(), z.unknown()).default({}),
  roleAttributes: z.array(z.string().max(512)).max(1_000).nullish(),
  terminatorStrategy: z.string().max(64).optional(),
})

const pageShape = z.object({
  pagination: z.object({ totalCount: z.int().min(0) }),
})
const errorShape = z.object({
  code: z.string().max(128),
  message: z.string().max(4_096),
  cause: z.unknown().optional(),
  causeMessage: z.string().max(4_096).optional(),
})

/** An answer, taken apart. */
export interface EdgeAnswer {
  readonly data: unknown
  /** Of a list: how many there are in all. */
  readonly totalCount: number | undefined
  readonly error: { readonly code: string; readonly message: string } | undefined
}

/** Take the envelope off. @throws ZtmError `protocol` where there is none */
export function readEnvelope(text: string): EdgeAnswer {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const message = 'Cannot read answer of the controller: it is not JSON'
    throw toZtmError(new MeshError('bad-message', message, { cause }))
  }
  const { data, meta, error } = (value ?? {}) as { data?: unknown; meta?: unknown; error?: unknown }
  const page = pageShape.safeParse(meta)
  const read = errorShape.safeParse(error)
  const causeMessage = read.data?.causeMessage
  return {
    data,
    totalCount: page.data?.pagination.totalCount,
    error: read.success
      ? {
          code: read.data.code,
          message: read.data.message + (causeMessage === undefined ? '' : ` (${causeMessage})`),
        }
      : undefined,
  }
}

/** A part of an answer, of its shape. @throws ZtmError `protocol` that says what is not */
export function readAnswer<S extends z.ZodType>(shape: S, value: unknown, what: string): z.output<S> {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue?.path.join('.') || 'all of it'
  const message = `Cannot read ${what} of the controller: ${where} is not of its form`
  throw toZtmError(new MeshError('bad-message', message))
}
