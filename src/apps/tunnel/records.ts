import { z } from 'zod'
import { userShape } from '../../core/api/shapes.ts'
import {
  type Name,
  type Protocol,
  parseServiceName,
  protocolOf,
  type ServiceName,
} from '../../core/model/names.ts'
import type { Json } from '../../core/model/store.ts'
import type { Host } from '../../sdk/app.ts'
import { readKeptRecords } from '../../sdk/for-apps/kept-records.ts'
import { inboundSettingShape, outboundSettingShape } from './messages.ts'

/** An inbound as it is kept, below `inbound/{protocol}/{name}`. */
export const inboundRecordShape = z.strictObject({
  version: z.literal(1),
  setting: inboundSettingShape,
  /** For each listen asked with port 0 the port that was chosen; 0 for the others. */
  chosenPorts: z.array(z.number().int().min(0).max(65_535)).max(1_000),
  owner: userShape.optional(),
  isPaused: z.literal(true).optional(),
})
/** An inbound as it is kept. */
export type InboundRecord = z.output<typeof inboundRecordShape>

/** An outbound as it is kept, below `outbound/{protocol}/{name}`. */
export const outboundRecordShape = z.strictObject({
  version: z.literal(1),
  setting: outboundSettingShape,
  isPaused: z.literal(true).optional(),
})
/** An outbound as it is kept. */
export type OutboundRecord = z.output<typeof outboundRecordShape>

/** The two kinds of ends a tunnel has. */
export type EndKind = 'inbound' | 'outbound'

/** Where an end is kept. */
export function recordKey(kind: EndKind, service: ServiceName): string {
  return `${kind}/${service}`
}

/**
 * Read everything that is kept of one kind. What cannot be read, damaged or of a later version, is logged and left
 * as it is; so is what `take` throws at.
 */
export async function readRecords<T>(
  host: Host,
  kind: EndKind,
  shape: z.ZodType<T>,
  take: (service: ServiceName, record: T) => void,
): Promise<void> {
  const records = { prefix: `${kind}/`, shape, event: 'tunnel.record-unreadable' }
  await readKeptRecords(host, records, (record, key) => {
    take(parseServiceName(key.slice(kind.length + 1)), record)
  })
}

/** A record as the storage takes it. */
export function toJson(record: InboundRecord | OutboundRecord): Json {
  return JSON.parse(JSON.stringify(record)) as Json
}

/** The service of a tunnel's two parts. */
export function serviceOf(protocol: Protocol, name: Name): ServiceName {
  return parseServiceName(`${protocol}/${name}`)
}

/** The two parts of a service's name. */
export function partsOf(service: ServiceName): { protocol: Protocol; name: Name } {
  return { protocol: protocolOf(service), name: service.slice(4) as Name }
}
