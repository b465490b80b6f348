import type { z } from 'zod'
import type { configTypeRecordShape } from './edge-records.ts'

type Schema = z.output<typeof configTypeRecordShape>['schema']

const port = { type: 'integer', minimum: 0, maximum: 65_535 }
const portRanges = {
  type: 'array',
  minItems: 1,
  items: {
    type: 'object',
    properties: { low: port, high: port },
    required: ['low', 'high'],
    additionalProperties: false,
  },
}
const protocol = { type: 'string', enum: ['tcp', 'udp'] }
const text = { type: 'string', minLength: 1, maxLength: 255 }
const texts = { type: 'array', minItems: 1, maxItems: 1_000, items: text }
const seconds = { type: 'integer', minimum: 0, maximum: 86_400 }

/** What an entry side listens for and turns into a dial. */
export const INTERCEPT_V1_SCHEMA: Schema = {
  type: 'object',
  properties: {
    protocols: { type: 'array', minItems: 1, maxItems: 2, items: protocol },
    addresses: texts,
    portRanges,
    dialOptions: {
      type: 'object',
      properties: { identity: { type: 'string', maxLength: 255 }, connectTimeoutSeconds: seconds },
      additionalProperties: false,
    },
    sourceIp: { type: 'string', maxLength: 255 },
  },
  required: ['protocols', 'addresses', 'portRanges'],
  additionalProperties: false,
}

/** Where an exit side connects to. */
export const HOST_V1_SCHEMA: Schema = {
  type: 'object',
  properties: {
    protocol,
    forwardProtocol: { type: 'boolean' },
    allowedProtocols: { type: 'array', minItems: 1, items: protocol },
    address: text,
    forwardAddress: { type: 'boolean' },
    allowedAddresses: texts,
    port,
    forwardPort: { type: 'boolean' },
    allowedPortRanges: portRanges,
    allowedSourceAddresses: texts,
    listenOptions: {
      type: 'object',
      properties: {
        cost: { type: 'integer', minimum: 0, maximum: 65_535 },
        precedence: { type: 'string', enum: ['default', 'required', 'failed'] },
        maxConnections: { type: 'integer', minimum: 1 },
        bindUsingEdgeIdentity: { type: 'boolean' },
        identity: { type: 'string', maxLength: 255 },
        connectTimeout: { type: 'string', maxLength: 32 },
        connectTimeoutSeconds: seconds,
      },
      additionalProperties: false,
    },
    portChecks: { type: 'array', maxItems: 100, items: { type: 'object' } },
    httpChecks: { type: 'array', maxItems: 100, items: { type: 'object' } },
  },
  anyOf: [{ required: ['protocol'] }, { required: ['forwardProtocol', 'allowedProtocols'] }],
  additionalProperties: false,
}
