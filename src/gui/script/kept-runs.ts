import { z } from 'zod'
import { draftShape } from './script-draft.ts'

/** A run from this browser, to be looked at and run again. */
export const keptRunShape = z.object({
  id: z.string(),
  atMs: z.number(),
  draft: draftShape,
  /** Of each endpoint: its name, and how it ended in a few words; absent where that is not known. */
  results: z.array(z.object({ name: z.string(), end: z.string().optional(), isGood: z.boolean() })),
})
/** A run from this browser. */
export type KeptRun = z.output<typeof keptRunShape>

/** The runs that were kept, the last first; none where what is kept is something else. */
export function parseKeptRuns(text: string | null): readonly KeptRun[] {
  try {
    return z.array(keptRunShape).parse(JSON.parse(text ?? '[]'))
  } catch {
    return []
  }
}

/**
 * Put a run to the others, in the place of itself if it is there: the oldest make room.
 *
 * @returns those to keep, `MAX_KEPT_RUNS` at most, and `MAX_KEPT_UNITS` as JSON
 */
export function keepRun(kept: readonly KeptRun[], run: KeptRun): readonly KeptRun[] {
  const isThere = kept.some(({ id }) => id === run.id)
  const all = isThere ? kept.map(one => (one.id === run.id ? run : one)) : [run, ...kept]
  let units = 0
  return all.slice(0, MAX_KEPT_RUNS).filter(one => {
    units += JSON.stringify(one).length
    return units <= MAX_KEPT_RUN_UNITS
  })
}

/** Runs that a browser keeps. */
export const MAX_KEPT_RUNS = 20
/** Of all kept runs together, UTF-16 units: a browser keeps about five million for all of the page. */
export const MAX_KEPT_RUN_UNITS = 1_000_000
