import type { Duplex } from 'node:stream'
import { z } from 'zod'
import {
  createTreeFrameDecoder,
  encodeTreeHead,
  type TreeFrame,
  type TreeFrameKind,
} from '../../core/codec/tree-frame.ts'
import {
  type TreeOpened,
  type TreeRequest,
  treeAnswerShape,
  treeOpenedShape,
} from '../../core/files/tree-requests.ts'
import { MeshError, parseErrorBody, toMeshError } from '../../core/model/errors.ts'
import { readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import type { TreePlace } from './tree-site.ts'

/**
 * Serve a tree on a stream until that ends: requests are done side by side, up to a number; more are not read.
 *
 * @returns when the stream has ended and nothing of it is being done
 */
export async function serveTree(stream: Duplex, place: TreePlace): Promise<void> {
  const decoder = createTreeFrameDecoder()
  const waiting: TreeFrame[] = []
  const working = new Set<Promise<void>>()
  let [busyCount, isDraining] = [0, false]
  /** Begin what may be begun; read on, or stop until there is room again. */
  const goOn = () => {
    const isUnread = stream.writableLength >= MAX_UNSENT_BYTES
    while (!isUnread && busyCount < MAX_WORKING) {
      const frame = waiting.shift()
      if (frame === undefined) break
      begin(frame)
    }
    if (isUnread || waiting.length > 0) stream.pause()
    else stream.resume()
    if (!isUnread || isDraining) return
    isDraining = true
    whenDrained(stream, () => {
      isDraining = false
      if (!stream.destroyed) goOn()
    })
  }
  const begin = (frame: TreeFrame) => {
    busyCount += 1
    // Waiting for changes costs nothing, and must not keep others from being done.
    const beWaiting = () => {
      busyCount -= 1
    }
    const work = answer(stream, place, frame, beWaiting).then(isBusy => {
      working.delete(work)
      if (isBusy) busyCount -= 1
      goOn()
    })
    working.add(work)
  }
  stream.on('data', (chunk: Uint8Array) => {
    try {
      const frames = decoder.push(chunk)
      if (frames.some(({ kind }) => kind !== 'ask')) {
        throw new MeshError('bad-message', 'Cannot serve tree: that is no request')
      }
      waiting.push(...frames)
      goOn()
    } catch (error) {
      stream.destroy(toMeshError(error))
    }
  })
  await new Promise<void>(resolve => {
    stream.once('end', resolve)
    stream.once('close', resolve)
  })
  waiting.length = 0
  await place[Symbol.asyncDispose]()
  await Promise.all(working)
  if (!stream.destroyed) stream.end()
}

/** Do what one frame asks for. @returns whether it was work all along, not waiting */
async function answer(
  stream: Duplex,
  place: TreePlace,
  { number, head, body }: TreeFrame,
  beWaiting: () => void,
): Promise<boolean> {
  let isBusy = true
  try {
    const request = parseJson(head) as TreeRequest | null
    if (request?.do === 'changes') {
      isBusy = false
      beWaiting()
    }
    const { answer, body: back } = await place.ask(request as TreeRequest, body)
    send(stream, 'answer', number, answer, back)
  } catch (error) {
    send(stream, 'refusal', number, toMeshError(error).toBody())
  }
  return isBusy
}

/**
 * Hear how the tree at the other end of a stream was opened. Disposing it ends the stream.
 *
 * @throws MeshError why it was not; `link-closed`, `bad-message`
 */
export async function greetFarTree(stream: Duplex): Promise<TreePlace> {
  const greeting = await readSmallMessage(stream, greetingShape, MAX_GREETING_BYTES)
  if ('opened' in greeting) return createFarTree(stream, greeting.opened)
  throw (
    parseErrorBody(greeting.error) ?? new MeshError('bad-message', 'Cannot open it: refused without a reason')
  )
}

/** The tree at the other end of a stream, as it was opened. Disposing it ends the stream. */
export function createFarTree(stream: Duplex, opened: TreeOpened): TreePlace {
  const decoder = createTreeFrameDecoder()
  const open = new Map<number, PromiseWithResolvers<{ answer: never; body: Uint8Array }>>()
  let lastNumber = 0
  let ended: MeshError | undefined
  const end = (error: MeshError) => {
    ended ??= error
    for (const { reject } of open.values()) reject(ended)
    open.clear()
    if (!stream.destroyed) stream.destroy()
  }
  const take = ({ kind, number, head, body }: TreeFrame) => {
    const waiting = open.get(number)
    if (waiting === undefined || kind === 'ask')
      throw new MeshError('bad-message', 'Cannot go on: not an answer')
    if (kind === 'refusal') {
      const error = parseErrorBody(parseJson(head))
      open.delete(number)
      waiting.reject(error ?? new MeshError('bad-message', 'Refused without a reason'))
      return
    }
    const parsed = treeAnswerShape.safeParse(parseJson(head))
    if (!parsed.success) throw new MeshError('bad-message', 'Cannot go on: the answer is not of its form')
    open.delete(number)
    waiting.resolve({ answer: parsed.data as never, body })
  }
  stream.on('error', () => {})
  stream.on('data', (chunk: Uint8Array) => {
    try {
      for (const frame of decoder.push(chunk)) take(frame)
    } catch (error) {
      end(toMeshError(error))
    }
  })
  const lost = () => end(new MeshError('link-closed', 'The connection to the endpoint broke'))
  stream.once('end', lost)
  stream.once('close', lost)
  return {
    opened,
    async ask(request, body) {
      if (ended !== undefined) throw ended
      lastNumber = (lastNumber + 1) >>> 0
      const waiting = Promise.withResolvers<{ answer: never; body: Uint8Array }>()
      open.set(lastNumber, waiting)
      send(stream, 'ask', lastNumber, request, body)
      return waiting.promise
    },
    async [Symbol.asyncDispose]() {
      if (!stream.destroyed) stream.end()
      end(new MeshError('link-closed', 'The tree was closed'))
    },
  }
}

function send(
  stream: Duplex,
  kind: TreeFrameKind,
  number: number,
  value: unknown,
  body: Uint8Array = NOTHING,
): void {
  if (stream.destroyed || stream.writableEnded) return
  const head = Buffer.from(JSON.stringify(value))
  stream.write(Buffer.concat([encodeTreeHead({ kind, number, head, body }), head]))
  if (body.length > 0) stream.write(body)
}

function parseJson(head: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(head).toString('utf8'))
  } catch {
    throw new MeshError('bad-message', 'Cannot read frame: it is not JSON')
  }
}

/** What is said first of a tree: how it was opened, or why not. */
const greetingShape = z.union([z.object({ opened: treeOpenedShape }), z.object({ error: z.unknown() })])
/** A root and a name of 4 KiB each, as JSON. */
const MAX_GREETING_BYTES = 65_535
/** Requests of one stream that are done at once. */
const MAX_WORKING = 8
/** Answers that nobody reads: no request is taken over it. */
const MAX_UNSENT_BYTES = 8_388_608
const NOTHING: Uint8Array = new Uint8Array(0)
