import { createHash } from 'node:crypto'
import { z } from 'zod'
import { copyPlaceShape } from '../../core/files/copy-request.ts'
import { nameOf } from '../../core/files/tree-path.ts'
import { TREE_PIECE_BYTES } from '../../core/files/tree-requests.ts'
import type { AppContent } from '../../core/model/content.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Host } from '../../sdk/app.ts'
import { openPlace } from './open-place.ts'
import { openPlaceArchive } from './place-archive.ts'
import type { Computer, TreePlace } from './tree-site.ts'

/**
 * Open a file on the disk of an endpoint, to be read from anywhere in it; or a folder, as an archive.
 *
 * @param query  `endpoint`, `user`, `path`, as a copy has them; `as` is `tar` for a folder
 * @throws MeshError `bad-input` for what is no file; as `openPlace`
 */
export async function openPlaceContent(
  host: Host,
  computer: Computer,
  query: Readonly<Record<string, string>>,
): Promise<AppContent> {
  const { as, ...at } = parseQuery(queryShape, query)
  if (as === 'tar') return openPlaceArchive(host, computer, at)
  const place = await openPlace(host, computer, at)
  try {
    const { name, entry, root } = place.opened
    if (entry === null)
      throw new MeshError('not-found', `Cannot read ${quote(at.path)}: there is no such file`)
    if (entry.kind !== 'file')
      throw new MeshError('bad-input', `Cannot read ${quote(at.path)}: it is a ${entry.kind}, not a file`)
    const mark = `${root}\0${name}\0${entry.size}\0${entry.mtimeMs}\0${entry.version}`
    return {
      name: nameOf(name),
      sizeBytes: entry.size,
      version: createHash('sha256').update(mark).digest('hex'),
      read: (start, end) => readPieces(place, entry.version, { start, end }),
      [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
    }
  } catch (error) {
    await place[Symbol.asyncDispose]()
    throw error
  }
}

async function* readPieces(
  place: TreePlace,
  version: string | undefined,
  { start, end }: { start: number; end: number },
): AsyncGenerator<Uint8Array> {
  const path = place.opened.name
  const ask = (offset: number) => {
    const size = Math.min(TREE_PIECE_BYTES, end - offset)
    const asked = place.ask({ do: 'read', path, offset, size })
    // Whoever stops reading hears of none that comes later.
    asked.catch(() => {})
    return { asked, size }
  }
  const ahead: ReturnType<typeof ask>[] = []
  for (let next = start; next < end || ahead.length > 0; ) {
    for (; next < end && ahead.length < PIECES_AHEAD; next += TREE_PIECE_BYTES) ahead.push(ask(next))
    const first = ahead.shift()
    if (first === undefined) return
    const { answer, body } = await first.asked
    const isSame = answer.entry?.kind === 'file' && answer.entry.version === version
    if (!isSame || answer.size !== first.size)
      throw new MeshError('conflict', `Cannot go on with ${quote(path)}: it was changed meanwhile`)
    // Nothing but zeros is not sent.
    yield body.length === 0 ? new Uint8Array(first.size) : body
  }
}

/** Read what a query says. @throws MeshError `bad-input` */
export function parseQuery<S extends z.ZodType>(
  shape: S,
  query: Readonly<Record<string, string>>,
): z.output<S> {
  const parsed = shape.safeParse(query)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new MeshError('bad-input', `Cannot read request: ${issue?.path.join('.')}: ${issue?.message}`)
}

const queryShape = copyPlaceShape.extend({ as: z.literal('tar').optional() })
const PIECES_AHEAD = 6
