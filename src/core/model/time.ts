/** Milliseconds: of a clock (since the epoch) or of a span. Made by `ms()` or by a clock at the edge. */
export type Ms = number & { readonly __unit: 'ms' }

/** A number of milliseconds as `Ms`. */
export function ms(value: number): Ms {
  return value as Ms
}

/** A clock, handed in so that tests can turn its hands. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): Ms
}

/**
 * A span as people write it: `10s`, `5m`, `24h`, `7d`, `500ms`.
 *
 * @returns milliseconds, or undefined if the text is not of that form or the span is longer than all dates there are
 */
export function parseSpan(text: string): Ms | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  if (match === null) return undefined
  const span = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
  return span <= MAX_SPAN_MS ? ms(span) : undefined
}

/** A span for a person: `850 ms`, `12 s`, `5 min`, `3 h`, `2 d`; into the past with a minus. */
export function formatSpan(span: number): string {
  if (span < 0) return `-${formatSpan(-span)}`
  if (Math.round(span) < 1_000) return `${Math.round(span)} ms`
  if (span < 120_000) return `${Math.round(span / 1_000)} s`
  if (span < 7_200_000) return `${Math.round(span / 60_000)} min`
  if (span < 172_800_000) return `${Math.round(span / 3_600_000)} h`
  return `${Math.round(span / 86_400_000)} d`
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

// ECMA-262, 21.4.1.1: dates go from the epoch this far.
const MAX_SPAN_MS = 8.64e15
