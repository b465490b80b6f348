import type { ServerResponse } from 'node:http'
import type { Context } from 'hono'
import {
  fitsIfNoneMatch,
  fitsIfRange,
  formatAttachment,
  parseByteRange,
} from '../../core/codec/byte-range.ts'
import { SAVED_TYPE, type ShownKind, shownTypeOf } from '../../core/files/shown-type.ts'
import type { AppContent } from '../../core/model/content.ts'
import { MeshError } from '../../core/model/errors.ts'
import { answerError } from '../../net/serve-routes.ts'
import type { MovingPiece } from './transfers.ts'

/** How a content is answered with. */
export interface AnswerOptions {
  /** To be shown in the page, as what its name says; or to be saved, whatever it is. */
  readonly as: 'shown' | 'saved'
  /** Who is told how far it is. */
  readonly begin?: (content: AppContent) => MovingPiece
  /** Called once, when nothing more is read. @param isBroken  because it could not be */
  readonly onDone: (isBroken?: boolean) => void
}

/**
 * Answer with a content, or a range of it: the bytes of strangers, at our own origin. So nothing of it is ever a document of ours: the
 * type is one of a closed list, the browser may not guess another, a policy without rights and in an origin of its own stands over
 * whatever it is taken for, and what is to be shown is given only to the element that shows it.
 *
 * @see RFC 9110, sections 13.2.2, 14 and 15.3.7
 */
export function answerContent(context: Context, content: AppContent, options: AnswerOptions): Response {
  const { as, begin, onDone } = options
  const shown = shownTypeOf(content.name)
  const destination = context.req.header('sec-fetch-dest') ?? 'empty'
  if (as === 'shown' && !DESTINATIONS[shown.kind].includes(destination)) {
    onDone()
    const message = `Cannot show it as "${destination}": it is for the page of this agent alone`
    return answerError(context, new MeshError('wrong-origin', message))
  }
  const etag = `"${content.version}"`
  const headers: Record<string, string> = {
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'content-type': as === 'shown' ? shown.type : SAVED_TYPE,
    'content-disposition': as === 'shown' ? 'inline' : formatAttachment(content.name),
  }
  if (fitsIfNoneMatch(context.req.header('if-none-match'), etag)) {
    onDone()
    return new Response(null, { status: 304, headers })
  }
  const { sizeBytes } = content
  const wanted = fitsIfRange(context.req.header('if-range'), etag) ? context.req.header('range') : undefined
  const range = parseByteRange(wanted, sizeBytes)
  if (range === 'unsatisfiable') {
    onDone()
    return new Response(null, {
      status: 416,
      headers: { ...headers, 'content-range': `bytes */${sizeBytes}` },
    })
  }
  const { start, end } = range === 'all' ? { start: 0, end: sizeBytes } : range
  headers['content-length'] = String(end - start)
  if (range !== 'all') headers['content-range'] = `bytes ${start}-${end - 1}/${sizeBytes}`
  const status = range === 'all' ? 200 : 206
  if (context.req.method === 'HEAD') {
    onDone()
    return new Response(null, { status, headers })
  }
  const { outgoing } = context.env as { outgoing?: ServerResponse }
  const breakOff = () => outgoing?.destroy()
  const body = streamRange(content, { start, end }, { moving: begin?.(content), onDone, breakOff })
  return new Response(body, { status, headers })
}

interface Reading {
  readonly moving: MovingPiece | undefined
  readonly onDone: (isBroken?: boolean) => void
  /** End the connection, so that nobody takes what came for the whole. */
  readonly breakOff: () => void
}

/** The bytes of a range, read as they are taken. */
function streamRange(
  content: AppContent,
  { start, end }: { start: number; end: number },
  { moving, onDone, breakOff }: Reading,
): ReadableStream<Uint8Array> {
  const pieces = content.read(start, end)
  let at = start
  const finish = (error?: unknown) => {
    moving?.end(error)
    onDone(error !== undefined)
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          moving?.signal.throwIfAborted()
          const { done, value } = await pieces.next()
          if (done) {
            finish()
            controller.close()
            return
          }
          at += value.length
          moving?.reach(at)
          controller.enqueue(value)
        } catch (error) {
          await pieces.return(undefined).catch(() => {})
          finish(error)
          breakOff()
          controller.close()
        }
      },
      async cancel() {
        finish()
        await pieces.return(undefined).catch(() => {})
      },
    },
    // What is read ahead the content itself decides.
    { highWaterMark: 0 },
  )
}

/** What browsers say they want it for; without a word it is a program that is no browser. @see Fetch Metadata, "Sec-Fetch-Dest" */
const DESTINATIONS: Readonly<Record<ShownKind, readonly string[]>> = {
  picture: ['image', 'empty'],
  video: ['video', 'empty'],
  audio: ['audio', 'video', 'empty'],
  pdf: ['iframe', 'embed', 'object', 'empty'],
  text: ['empty'],
  none: ['empty'],
}
/** An origin of its own, no script, no form, nothing loaded; and no page of another site around it. */
const POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
