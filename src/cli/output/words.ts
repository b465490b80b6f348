import { formatSpan } from '../../core/model/time.ts'
import type { Cli } from '../context.ts'

/** How long ago a moment is: `3 min`; `now` within a second, and for a clock that is ahead. */
export function age(cli: Cli, atMs: number): string {
  const span = cli.world.clock.now() - atMs
  return span < 1_000 ? 'now' : formatSpan(span)
}

/** How long ago a moment is, as a phrase: `3 min ago`, `now`. */
export function ago(cli: Cli, atMs: number): string {
  const span = age(cli, atMs)
  return span === 'now' ? span : `${span} ago`
}

/** How a moment to come is from here: `in 3 h`, `expired 2 d ago`. */
export function until(cli: Cli, atMs: number): string {
  const span = atMs - cli.world.clock.now()
  return span > 0 ? `in ${formatSpan(span)}` : `expired ${formatSpan(-span)} ago`
}

/** A moment as `2026-11-20 19:04:05Z`. */
export function moment(atMs: number): string {
  const date = new Date(atMs)
  return Number.isNaN(date.getTime()) ? '-' : `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`
}

/** A number of bytes for a person: `12.3 MB`. */
export function bytes(count: number): string {
  const step = count < 1_000 ? 0 : Math.min(4, Math.floor(Math.log10(count) / 3))
  return step === 0 ? `${count} B` : `${(count / 1_000 ** step).toFixed(1)} ${'BkMGT'[step]}B`
}

/** `1 endpoint`, `2 endpoints`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** A duration in milliseconds with three digits: `1.23 ms`, `45.6 ms`. */
export function milliseconds(value: number): string {
  return `${value >= 100 ? Math.round(value) : value.toPrecision(3)} ms`
}
