import type { Dispatcher } from 'undici'
import type { Forwarding, HttpTarget } from '../core/gateway/forwarding.ts'
import type { Onward } from './http-exchange.ts'
import { type RequestHandler, serviceError } from './service-streams.ts'
import type { TargetStreams } from './target-streams.ts'

/**
 * Sends a request to the targets of a forwarding in turn: to the next when one cannot be connected to, whatever the request,
 * as nothing of it was sent. Sent once more, it begins with the next, too; behind the last comes the first again.
 *
 * @param onTarget  hears which is tried
 */
export function dispatchInTurn(
  streams: TargetStreams,
  { targets, terms, onTry }: Pick<Forwarding, 'targets' | 'terms' | 'onTry'>,
  onTarget: (target: HttpTarget) => void,
): Onward['dispatch'] {
  // One that does not answer at all must leave time for the next.
  const connectMs = targets.length > 1 ? terms.timeouts.connect / 2 : terms.timeouts.connect
  let nextIndex = 0
  const takeNext = (): HttpTarget => {
    const target = targets[nextIndex % targets.length] as HttpTarget
    nextIndex += 1
    return target
  }
  return (request, handler) => {
    let leftCount = targets.length
    const tryNext = () => {
      leftCount -= 1
      const target = takeNext()
      onTarget(target)
      onTry?.(target, 'begun')
      const onFailed = () => {
        if (leftCount === 0) return false
        tryNext()
        return true
      }
      const watched = new WatchedTry(handler, (step, error) => onTry?.(target, step, error), onFailed)
      streams.dispatch(target, connectMs, request, watched)
    }
    tryNext()
  }
}

type OnStep = (step: 'answered' | 'failed' | 'ended', error?: ReturnType<typeof serviceError>) => void

/** Passes on what is heard of a try, but for a failure to connect where there is another target. */
class WatchedTry implements RequestHandler {
  readonly #handler: RequestHandler
  readonly #onStep: OnStep
  readonly #tryNext: () => boolean
  #isSent = false
  #isAnswered = false
  #isEnded = false

  constructor(handler: RequestHandler, onStep: OnStep, tryNext: () => boolean) {
    this.#handler = handler
    this.#onStep = onStep
    this.#tryNext = tryNext
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: never): void {
    this.#isSent = true
    this.#handler.onRequestStart?.(controller, context)
  }

  onRequestSent(): void {
    ;(this.#handler as { onRequestSent?(): void }).onRequestSent?.()
  }

  onRequestUpgrade(...given: Parameters<NonNullable<RequestHandler['onRequestUpgrade']>>): void {
    this.#answered()
    given[3].once('close', () => this.#ended())
    this.#handler.onRequestUpgrade?.(...given)
  }

  onResponseStart(...given: Parameters<NonNullable<RequestHandler['onResponseStart']>>): void {
    this.#answered()
    this.#handler.onResponseStart?.(...given)
  }

  onResponseData(...given: Parameters<NonNullable<RequestHandler['onResponseData']>>): void {
    this.#handler.onResponseData?.(...given)
  }

  onResponseEnd(...given: Parameters<NonNullable<RequestHandler['onResponseEnd']>>): void {
    this.#ended()
    this.#handler.onResponseEnd?.(...given)
  }

  onResponseError(controller: Dispatcher.DispatchController, thrown: Error): void {
    const error = serviceError(thrown)
    const isTargets = this.#isSent ? error.code === 'link-closed' : true
    if (!this.#isAnswered && isTargets) this.#onStep('failed', error)
    this.#ended()
    // Nothing was sent, so nothing can come twice.
    if (!this.#isSent && this.#tryNext()) return
    this.#handler.onResponseError?.(controller, thrown)
  }

  #answered(): void {
    if (!this.#isAnswered) this.#onStep('answered')
    this.#isAnswered = true
  }

  #ended(): void {
    if (!this.#isEnded) this.#onStep('ended')
    this.#isEnded = true
  }
}
