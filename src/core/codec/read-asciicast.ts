import { z } from 'zod'
import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'

/** A recording of a terminal. @see https://docs.asciinema.org/manual/asciicast/v2/ */
export interface CastRecording {
  readonly columns: number
  readonly rows: number
  readonly title?: string
  /** In the order they happened. */
  readonly events: readonly CastEvent[]
}

/** Something that was shown, or another size of the terminal; `atMs` from the beginning. */
export type CastEvent =
  | { readonly atMs: number; readonly text: string }
  | { readonly atMs: number; readonly columns: number; readonly rows: number }

const sideShape = z.int().min(1).max(10_000)
const headerShape = z.looseObject({
  version: z.literal(2),
  width: sideShape,
  height: sideShape,
  title: z.string().max(1_000).optional(),
})
const eventShape = z.tuple([z.number().min(0), z.string(), z.string()])

/**
 * Read a recording. Events of kinds that are not known are passed over; time never goes back.
 *
 * @param where  its name, for errors
 * @param isCut  the last line may be unfinished, as that of a session that goes on
 * @throws MeshError `bad-input` with the line that is none
 */
export function readAsciicast(text: string, where: string, isCut = false): CastRecording {
  const lines = text.split('\n').filter(line => line !== '')
  const events: CastEvent[] = []
  let header: z.output<typeof headerShape> | undefined
  let lastMs = 0
  for (const [index, line] of lines.entries()) {
    const value = parseJson(line)
    if (header === undefined) {
      header = headerShape.safeParse(value).data
      if (header === undefined) throw bad(where, index)
      continue
    }
    const event = eventShape.safeParse(value)
    if (!event.success && isCut && index === lines.length - 1) break
    if (!event.success) throw bad(where, index)
    const [seconds, code, data] = event.data
    lastMs = Math.max(lastMs, seconds * 1_000)
    if (code === 'o') events.push({ atMs: lastMs, text: data })
    const [, columns, rows] = (code === 'r' && /^(\d{1,5})x(\d{1,5})$/.exec(data)) || []
    if (isSide(columns) && isSide(rows))
      events.push({ atMs: lastMs, columns: Number(columns), rows: Number(rows) })
  }
  if (header === undefined) throw bad(where, 0)
  const { width, height, title } = header
  return { columns: width, rows: height, ...(title !== undefined && { title }), events }
}

function isSide(text: string | undefined): boolean {
  return text !== undefined && sideShape.safeParse(Number(text)).success
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function bad(where: string, index: number): MeshError {
  return new MeshError(
    'bad-input',
    `Cannot play ${quote(where, 300)}: line ${index + 1} is not of a recording (asciicast v2)`,
  )
}
