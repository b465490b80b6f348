import { z } from 'zod'
import type { Json } from '../../core/edge/entity-members.ts'

/** Data of a config: a JSON object. */
export type ConfigData = Readonly<Record<string, Json>>

/** A range of ports, both ends included. */
export interface PortRange {
  readonly low: number
  readonly high: number
}

/** Ports as people write them: `80, 443, 8000-8010`. @returns undefined for what is not that */
export function readPortRanges(text: string): PortRange[] | undefined {
  const ranges: PortRange[] = []
  for (const word of text.split(/[\s,]+/).filter(word => word !== '')) {
    const [, low, high = low] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word) ?? []
    const range = { low: Number(low), high: Number(high) }
    if (low === undefined || range.high > MAX_PORT || range.low > range.high) return undefined
    ranges.push(range)
  }
  return ranges
}

/** Port ranges of a config as people write them; whatever is none is left out. */
export function writePortRanges(value: unknown): string {
  if (!Array.isArray(value)) return ''
  return value
    .flatMap((range: unknown) => {
      const { low, high } = (range ?? {}) as Partial<PortRange>
      if (typeof low !== 'number' || typeof high !== 'number') return []
      return low === high ? String(low) : `${low}-${high}`
    })
    .join(', ')
}

/** A text as a JSON object. @returns undefined for what is none */
export function readJsonObject(text: string): ConfigData | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as ConfigData)
      : undefined
  } catch {
    return undefined
  }
}

/**
 * Where the data of a config is not as its type wants it.
 *
 * @param schema  a JSON schema, as the controller keeps it
 * @returns a line for each fault: `port: Too big`; none where it fits, or the schema is one that only the controller understands
 */
export function faultsOf(schema: unknown, data: ConfigData): string[] {
  let shape: z.ZodType
  try {
    shape = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0])
  } catch {
    return []
  }
  const result = shape.safeParse(data)
  if (result.success) return []
  return result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  )
}

const MAX_PORT = 65_535
