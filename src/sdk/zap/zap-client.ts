import type { Duplex } from 'node:stream'
import { decodeEnvelope, encodeEnvelope, type ZapEnvelope } from '../../core/codec/zap-envelope.ts'
import { isErrorCode, MeshError } from '../../core/model/errors.ts'
import { printable, quote } from '../../core/model/quote.ts'
import { openFrameStream } from './frame-stream.ts'
import { createItemQueue, type ItemQueue } from './item-queue.ts'
import { ZAP_CALL_LIMITS, type ZapCallLimits } from './zap-limits.ts'
import { decodeFrom, type ZapMethod } from './zap-method.ts'

/** When to give up on a call. */
export interface CallOptions {
  /** Milliseconds from now, at most 2^31 - 1; for a stream, until its last item. The server hears of it. */
  readonly deadlineMs?: number
  /** The server is told, and the reason thrown. */
  readonly signal?: AbortSignal
}

/** The calling end of a connection. Any number of calls may be under way, up to `ZAP_CALL_LIMITS.maxCalls`. */
export interface ZapClient extends AsyncDisposable {
  /**
   * Call a method that gives one result.
   *
   * @throws MeshError what the server answered: `not-found` for a method it does not have, `too-many`, any code of
   *   docs/errors.md, or `call-failed` for a code of its own; else `timed-out`, `link-closed`, `too-large`, `bad-message`
   *   for a result that is not of the method's form, `too-many` for too many calls at once. Or the signal's reason
   */
  call<P, R>(method: ZapMethod<P, R>, params: P, options?: CallOptions): Promise<R>
  /**
   * Call a method that gives a stream of results. It is called when somebody asks for the first, and cancelled when nobody
   * wants more (`break`). The server sends no further ahead than `ZAP_CALL_LIMITS.windowBytes`.
   *
   * @throws MeshError as `call`, from the iteration
   */
  stream<P, R>(method: ZapMethod<P, R>, params: P, options?: CallOptions): AsyncIterable<R>
  /** Calls under way. */
  readonly callCount: number
  readonly isOpen: boolean
  /** End the connection; calls under way fail with `link-closed`. */
  close(): void
}

/** What to do with what comes of a call. */
interface StartedCall {
  readonly options: CallOptions
  readonly window: number
  /** Its id, before anything comes of it. */
  onStart?(id: number): void
  onResult(value: Uint8Array): void
  onItem(value: Uint8Array): void
  onEnd(): void
  onError(error: unknown): void
}

/** A call whose end has not come. */
interface Pending {
  readonly method: string
  readonly call: StartedCall
  timer: NodeJS.Timeout | undefined
  onAbort: (() => void) | undefined
}

/**
 * Make the calling end of a connection over a stream, which belongs to it from now on. The other end is `serveZap`.
 *
 *     const client = openZapClient(stream)
 *     const sum = await client.call(ADD, [1, 2], { deadlineMs: 1_000 })
 *     for await (const line of client.stream(TAIL, 'app.log')) console.log(line)
 */
export function openZapClient(stream: Duplex, options: Partial<ZapCallLimits> = {}): ZapClient {
  const limits = { ...ZAP_CALL_LIMITS, ...options }
  const pending = new Map<number, Pending>()
  const budget = { waitingBytes: 0, maxWaitingBytes: limits.maxWaitingBytes }
  let lastId = 0
  let ended: MeshError | undefined

  const frames = openFrameStream(stream, {
    onFrame: payload => receive(decodeEnvelope(payload)),
    onEnd(error) {
      ended = error
      const calls = [...pending.values()]
      pending.clear()
      for (const entry of calls) settle(entry).onError(error)
    },
  })
  const send = (envelope: ZapEnvelope) => frames.write(encodeEnvelope(envelope, Buffer.allocUnsafe))

  function receive(envelope: ZapEnvelope): void {
    if (envelope.kind === 'call' || envelope.kind === 'cancel' || envelope.kind === 'more') {
      throw new MeshError('bad-message', `ZAP connection ended: the server sent a "${envelope.kind}"`)
    }
    // Of a call that was cancelled meanwhile more may come.
    const entry = pending.get(envelope.id)
    if (entry === undefined) return
    if (envelope.kind === 'item') {
      const { call } = entry
      if (call.window === 0)
        throw new MeshError('bad-message', 'ZAP connection ended: an item without a stream')
      call.onItem(envelope.value)
      return
    }
    pending.delete(envelope.id)
    const call = settle(entry)
    if (envelope.kind === 'result') call.onResult(envelope.value)
    else if (envelope.kind === 'end') call.onEnd()
    else call.onError(answeredError(entry.method, envelope))
  }

  /** Send a call and wait for its end. @throws MeshError `link-closed`, `too-many`, `too-large`, `bad-input` */
  function start<P>(method: ZapMethod<P, unknown>, params: P, call: StartedCall): void {
    const { deadlineMs, signal } = call.options
    signal?.throwIfAborted()
    if (ended !== undefined) throw ended
    if (pending.size >= limits.maxCalls) {
      throw new MeshError(
        'too-many',
        `Cannot call ${quote(method.name)}: ${pending.size} calls are under way`,
      )
    }
    if (deadlineMs !== undefined && !(deadlineMs >= 1 && deadlineMs <= MAX_DEADLINE_MS)) {
      throw new MeshError('bad-input', `Cannot call ${quote(method.name)}: deadline of ${deadlineMs} ms`)
    }
    do lastId = (lastId + 1) >>> 0
    while (pending.has(lastId))
    const id = lastId
    const pieces = encodeEnvelope(
      {
        kind: 'call',
        id,
        method: method.name,
        params: method.params.encode(params),
        deadlineMs: Math.ceil(deadlineMs ?? 0),
        window: call.window,
      },
      Buffer.allocUnsafe,
    )
    const entry: Pending = { method: method.name, call, timer: undefined, onAbort: undefined }
    if (deadlineMs !== undefined) {
      entry.timer = setTimeout(giveUp, deadlineMs, id, () => late(method.name, deadlineMs))
    }
    if (signal !== undefined) {
      entry.onAbort = () => giveUp(id, () => signal.reason)
      signal.addEventListener('abort', entry.onAbort)
    }
    // Before it is sent: over a stream in memory the answer may come at once.
    const isAlone = pending.size === 0
    pending.set(id, entry)
    call.onStart?.(id)
    frames.write(pieces, isAlone)
  }

  function giveUp(id: number, reason: () => unknown): void {
    const call = pending.get(id)?.call
    if (call !== undefined && cancel(id)) call.onError(reason())
  }

  /** Forget a call and tell the server. @returns false if it had ended */
  function cancel(id: number): boolean {
    const entry = pending.get(id)
    if (entry === undefined) return false
    pending.delete(id)
    settle(entry)
    send({ kind: 'cancel', id })
    return true
  }

  /** Items of a stream that was started; `take` and `cancel` are its two ends. */
  function startStream<P>(method: ZapMethod<P, unknown>, params: P, callOptions: CallOptions): StartedStream {
    let id = 0
    const queue = createItemQueue({
      windowBytes: limits.windowBytes,
      budget,
      grant: credit => void (pending.has(id) && send({ kind: 'more', id, credit })),
    })
    start(method, params, {
      options: callOptions,
      window: limits.windowBytes,
      onStart(given) {
        id = given
      },
      onResult: value => queue.end(value),
      onItem(value) {
        const refusal = queue.push(value)
        if (refusal !== undefined && cancel(id)) queue.fail(refusal)
      },
      onEnd: () => queue.end(),
      onError: error => queue.fail(error),
    })
    return {
      take: queue.take,
      cancel() {
        queue.stop()
        cancel(id)
      },
    }
  }

  return {
    get callCount() {
      return pending.size
    },
    get isOpen() {
      return ended === undefined
    },
    call: (method, params, callOptions = NO_OPTIONS) =>
      new Promise((resolve, reject) =>
        start(method, params, new ResultCall(method, callOptions, resolve, reject)),
      ),
    stream: (method, params, callOptions = {}) => ({
      [Symbol.asyncIterator]: () =>
        createItemIterator(method, () => startStream(method, params, callOptions)),
    }),
    close: () => frames.close(),
    async [Symbol.asyncDispose]() {
      frames.close()
    },
  }
}

/** A call of one result, for a promise. A class, as its methods then cost nothing to make for each call. */
class ResultCall<R> implements StartedCall {
  readonly options: CallOptions
  readonly window = 0
  readonly #method: Pick<ZapMethod<never, R>, 'name' | 'result'>
  readonly #resolve: (value: R) => void
  readonly #reject: (error: unknown) => void

  constructor(
    method: Pick<ZapMethod<never, R>, 'name' | 'result'>,
    options: CallOptions,
    resolve: (value: R) => void,
    reject: (error: unknown) => void,
  ) {
    this.options = options
    this.#method = method
    this.#resolve = resolve
    this.#reject = reject
  }

  onResult(value: Uint8Array): void {
    try {
      this.#resolve(decodeFrom(this.#method.result, value, () => `answer to ${quote(this.#method.name)}`))
    } catch (error) {
      this.#reject(error)
    }
  }

  onItem(): void {
    this.onEnd()
  }

  onEnd(): void {
    this.#reject(new MeshError('bad-message', `Cannot call ${quote(this.#method.name)}: no result came`))
  }

  onError(error: unknown): void {
    this.#reject(error)
  }
}

/** Leave no timer and no listener behind. */
function settle({ call, timer, onAbort }: Pending): StartedCall {
  if (timer !== undefined) clearTimeout(timer)
  if (onAbort !== undefined) call.options.signal?.removeEventListener('abort', onAbort)
  return call
}

interface StartedStream {
  readonly take: ItemQueue['take']
  cancel(): void
}

/**
 * Iterate over the items of a call that `start` begins when the first is asked for. Not a generator: that would not hear of
 * `return` while it waits for an item.
 */
function createItemIterator<R>(
  method: Pick<ZapMethod<unknown, R>, 'name' | 'result'>,
  start: () => StartedStream,
): AsyncIterator<R, undefined> {
  let started: StartedStream | undefined
  let isOver = false

  async function finish(): Promise<IteratorResult<R, undefined>> {
    isOver = true
    started?.cancel()
    return { done: true, value: undefined }
  }

  return {
    async next() {
      if (isOver) return finish()
      try {
        started ??= start()
        const item = await started.take()
        if (item === undefined) return finish()
        return { value: decodeFrom(method.result, item, () => `item of ${quote(method.name)}`) }
      } catch (error) {
        await finish()
        throw error
      }
    },
    return: finish,
  }
}

/** The server's word, as an error of ours. */
function answeredError(method: string, { code, message }: { code: string; message: string }): MeshError {
  const text = printable(message, 1_024)
  if (isErrorCode(code)) return new MeshError(code, text)
  return new MeshError('call-failed', `Cannot call ${quote(method)}: ${quote(code)}: ${text}`)
}

function late(method: string, deadlineMs: number): MeshError {
  return new MeshError('timed-out', `Cannot call ${quote(method)}: no answer in ${deadlineMs} ms`)
}

const NO_OPTIONS: CallOptions = {}

/** What `setTimeout` takes. */
const MAX_DEADLINE_MS = 2_147_483_647
