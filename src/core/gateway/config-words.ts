import { z } from 'zod'

/** `250ms`, `10s`, `5m`, `2h`, or `off` (0). Milliseconds. */
export const duration = z.string().transform((text, context) => {
  if (text === 'off') return 0
  const [, number, unit = ''] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? []
  const scale = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit]
  if (scale !== undefined && Number(number) * scale <= MAX_DURATION_MS) return Number(number) * scale
  context.addIssue('write a time like 250ms, 10s, 5m or 2h (at most 24h), or off')
  return z.NEVER
})

/** `100`, `64KiB`, `10MB`, or `off` (no limit). Bytes. */
export const size = z.union([z.string(), z.int().min(0)]).transform((value, context) => {
  if (value === 'off') return Number.POSITIVE_INFINITY
  const [, number, unit = ''] = /^(\d{1,12})(|B|KB|MB|GB|KiB|MiB|GiB)$/.exec(String(value)) ?? []
  const scale = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 }[
    unit
  ]
  if (number !== undefined && scale !== undefined) return Number(number) * scale
  context.addIssue('write a size like 512KiB, 10MB or 2GiB, or off')
  return z.NEVER
})

const MAX_DURATION_MS = 86_400_000
