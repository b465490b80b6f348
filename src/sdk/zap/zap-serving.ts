import type { Duplex } from 'node:stream'
import { decodeEnvelope, encodeEnvelope, type ZapEnvelope } from '../../core/codec/zap-envelope.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { openFrameStream } from './frame-stream.ts'
import { ITEM_COST_BYTES, ZAP_CALL_LIMITS, type ZapCallLimits } from './zap-limits.ts'
import { decodeFrom, type ZapMethod } from './zap-method.ts'

/** What a handler knows of the call it answers. */
export interface ZapCall {
  readonly method: string
  /** Where it came from. For who that is, ask the stream. */
  readonly stream: Duplex
  /** Fires when the caller cancels, its deadline passes or the connection ends: nobody will read the answer. */
  readonly signal: AbortSignal
}

/** Answers with bytes: one result, or the items of a stream. */
export type ZapHandler = (
  params: Uint8Array,
  call: ZapCall,
) => Uint8Array | Promise<Uint8Array> | AsyncIterable<Uint8Array>

/** Handlers by the names of their methods. */
export type ZapHandlers = Readonly<Record<string, ZapHandler>>

/** Limits and what to tell. */
export interface ServingEnds extends Partial<Pick<ZapCallLimits, 'maxCalls' | 'maxParamsBytes'>> {
  /** A handler threw something that is no `MeshError`. */
  readonly onError?: (error: unknown, method: string) => void
  /** A connection ended, and why: `link-closed` in the usual course. */
  readonly onEnd?: (error: MeshError) => void
}

/** The answering end of one connection. */
export interface ZapServing {
  readonly callCount: number
  readonly isOpen: boolean
  close(): void
}

/**
 * The handler of a method whose form is known, to be spread among others.
 *
 * @param handle  gives one result, or a stream of them
 */
export function answer<P, R>(
  method: ZapMethod<P, R>,
  handle: (params: P, call: ZapCall) => R | Promise<R> | AsyncIterable<R>,
): ZapHandlers {
  const what = () => `params of ${quote(method.name)}`
  const { encode } = method.result
  return {
    [method.name](bytes, call) {
      const answered = handle(decodeFrom(method.params, bytes, what, 'bad-input'), call)
      if (isStream(answered)) return encodeItems(answered, encode)
      return answered instanceof Promise ? answered.then(encode) : encode(answered)
    },
  }
}

/** Answer the calls of one stream, which belongs to the result. */
export function openZapServing(stream: Duplex, handlers: ZapHandlers, options: ServingEnds): ZapServing {
  const { maxCalls, maxParamsBytes } = { ...ZAP_CALL_LIMITS, ...options }
  /** By id: those whose callers wait. */
  const calls = new Map<number, ServedCall>()
  /** Of handlers that run, also for callers who do not wait any more. */
  let runningCount = 0
  let paramsBytes = 0
  let drained: PromiseWithResolvers<void> | undefined
  /** Of the last call. */
  let lastMethod = ''

  const frames = openFrameStream(stream, {
    onFrame: payload => receive(decodeEnvelope(payload, lastMethod)),
    onDrain() {
      drained?.resolve()
      drained = undefined
      frames.resume()
    },
    onEnd(error) {
      drained?.resolve()
      for (const call of [...calls.values()]) call.stop(error)
      calls.clear()
      options.onEnd?.(error)
    },
  })

  function send(envelope: ZapEnvelope): void {
    const pieces = encodeEnvelope(envelope, Buffer.allocUnsafe)
    if (frames.write(pieces, runningCount <= 1 && envelope.kind !== 'item') || !frames.isOpen) return
    // Who does not read the answers may not ask more.
    drained ??= Promise.withResolvers()
    frames.pause(true)
  }

  function receive(envelope: ZapEnvelope): void {
    switch (envelope.kind) {
      case 'call':
        accept(envelope)
        return
      case 'cancel':
        calls.get(envelope.id)?.stop(new MeshError('link-closed', 'Call ended: its caller cancelled it'))
        calls.delete(envelope.id)
        return
      case 'more':
        // A call that has ended meanwhile is none of our business.
        calls.get(envelope.id)?.grant(envelope.credit)
        return
      default:
        throw new MeshError('bad-message', `ZAP connection ended: the client sent a "${envelope.kind}"`)
    }
  }

  function accept(envelope: ZapEnvelope & { kind: 'call' }): void {
    const { id, method, params, deadlineMs } = envelope
    if (calls.has(id))
      throw new MeshError('bad-message', `ZAP connection ended: call ${id} is under way already`)
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined
    const refusal = refusalOf(params)
    if (refusal !== undefined || handler === undefined) {
      const error = new MeshError(
        refusal === undefined ? 'not-found' : 'too-many',
        `Cannot call ${quote(method)}: ${refusal ?? 'there is no such method'}`,
      )
      send({ kind: 'error', id, ...error.toBody() })
      return
    }
    lastMethod = method
    const call = new ServedCall(envelope, stream)
    calls.set(id, call)
    if (deadlineMs > 0) {
      call.timer = setTimeout(
        () => {
          const error = new MeshError(
            'timed-out',
            `Cannot call ${quote(method)}: no answer in ${deadlineMs} ms`,
          )
          call.stop(error)
          finish(call, { kind: 'error', id, ...error.toBody() })
        },
        Math.min(deadlineMs, MAX_TIMER_MS),
      )
    }
    run(call, handler, params)
  }

  function refusalOf(params: Uint8Array): string | undefined {
    if (runningCount >= maxCalls) return `${runningCount} calls are under way`
    if (paramsBytes + params.length <= maxParamsBytes) return undefined
    return `${paramsBytes} bytes of params are under way`
  }

  /** Send the last word of a call, unless it was said or nobody waits. @throws MeshError `too-large`: it was not */
  function finish(call: ServedCall, envelope: ZapEnvelope): void {
    if (calls.get(call.id) !== call) return
    send(envelope)
    if (call.timer !== undefined) clearTimeout(call.timer)
    calls.delete(call.id)
  }

  function run(call: ServedCall, handler: ZapHandler, params: Uint8Array): void {
    runningCount += 1
    paramsBytes += params.length
    try {
      const answered = handler(params, call)
      if (answered instanceof Uint8Array) {
        conclude(call, params, { kind: 'result', id: call.id, value: answered })
        return
      }
      const ending = isStream(answered)
        ? pour(call, answered).then((): ZapEnvelope => ({ kind: 'end', id: call.id }))
        : answered.then((value): ZapEnvelope => ({ kind: 'result', id: call.id, value }))
      ending.then(
        envelope => conclude(call, params, envelope),
        (thrown: unknown) => conclude(call, params, failure(call, thrown)),
      )
    } catch (thrown) {
      conclude(call, params, failure(call, thrown))
    }
  }

  /** A handler is done. Never throws. */
  function conclude(call: ServedCall, params: Uint8Array, envelope: ZapEnvelope): void {
    try {
      finish(call, envelope)
    } catch (thrown) {
      finish(call, failure(call, thrown))
    }
    runningCount -= 1
    paramsBytes -= params.length
  }

  /** Send items as the caller gives credit for them, and the connection takes them. */
  async function pour(call: ServedCall, items: AsyncIterable<Uint8Array>): Promise<void> {
    if (call.window === 0) {
      throw new MeshError('bad-usage', `Cannot call ${quote(call.method)}: it gives a stream: ask for one`)
    }
    for await (const value of items) {
      while (call.isWaited && (call.credit <= 0 || drained !== undefined)) {
        await (drained === undefined ? call.credited() : drained.promise)
      }
      if (!call.isWaited) return
      call.credit -= value.length + ITEM_COST_BYTES
      send({ kind: 'item', id: call.id, value })
    }
  }

  function failure(call: ServedCall, thrown: unknown): ZapEnvelope {
    const { id, method } = call
    if (thrown instanceof MeshError && thrown.code !== 'bug') {
      const message = thrown.message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed()
      return { kind: 'error', id, code: thrown.code, message }
    }
    // What it says may be a secret: it is for the log of this side.
    options.onError?.(thrown, method)
    return {
      kind: 'error',
      id,
      code: 'call-failed',
      message: `Cannot call ${quote(method)}: the program failed`,
    }
  }

  return {
    get callCount() {
      return runningCount
    },
    get isOpen() {
      return frames.isOpen
    },
    close: () => frames.close(),
  }
}

/** One call under way. */
class ServedCall implements ZapCall {
  readonly id: number
  readonly method: string
  readonly window: number
  readonly stream: Duplex
  timer: NodeJS.Timeout | undefined
  /** What items may still cost. */
  credit: number
  isWaited = true
  #reason: MeshError | undefined
  #abort: AbortController | undefined
  #credited: PromiseWithResolvers<void> | undefined

  constructor({ id, method, window }: { id: number; method: string; window: number }, stream: Duplex) {
    this.id = id
    this.method = method
    this.window = window
    this.credit = window
    this.stream = stream
  }

  /** Made when a handler asks: most do not, and it costs more than the rest of a call. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#reason !== undefined) this.#abort.abort(this.#reason)
    }
    return this.#abort.signal
  }

  stop(reason: MeshError): void {
    clearTimeout(this.timer)
    if (!this.isWaited) return
    this.isWaited = false
    this.#reason = reason
    this.#abort?.abort(reason)
    this.#credited?.resolve()
  }

  grant(credit: number): void {
    this.credit = Math.min(this.credit + credit, MAX_CREDIT)
    if (this.credit <= 0) return
    this.#credited?.resolve()
    this.#credited = undefined
  }

  /** Resolves when there is credit, or nobody waits any more. */
  credited(): Promise<void> {
    this.#credited ??= Promise.withResolvers()
    return this.#credited.promise
  }
}

async function* encodeItems<R>(
  items: AsyncIterable<R>,
  encode: (item: R) => Uint8Array,
): AsyncIterable<Uint8Array> {
  for await (const item of items) yield encode(item)
}

function isStream<T>(value: unknown): value is AsyncIterable<T> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** Characters of an error's message that are sent. */
const MAX_MESSAGE_LENGTH = 1_024
const MAX_CREDIT = 4_294_967_295
/** What `setTimeout` takes. */
const MAX_TIMER_MS = 2_147_483_647
