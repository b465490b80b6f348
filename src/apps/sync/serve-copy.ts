import type { Duplex } from 'node:stream'
import type { CopyEvent, CopyRequest } from '../../core/files/copy-request.ts'
import { createPacer } from '../../core/files/pacer.ts'
import { toMeshError } from '../../core/model/errors.ts'
import type { Host } from '../../sdk/app.ts'
import { type CopySums, runCopy } from './copy-run.ts'
import { openPlace } from './open-place.ts'
import { isBroken } from './transfer.ts'
import type { Computer } from './tree-site.ts'
import { whileHeard } from './while-heard.ts'

/** Copy for a person of this computer, who is told a line of JSON for each event. When they go, it ends. */
export async function serveCopy(
  host: Host,
  computer: Computer,
  stream: Duplex,
  request: CopyRequest,
): Promise<void> {
  const signal = whileHeard(stream)
  const tell = createTeller(host, stream)
  const sums: CopySums = {
    copiedCount: 0,
    sameCount: 0,
    removedCount: 0,
    failedCount: 0,
    bytes: 0,
    sentBytes: 0,
  }
  try {
    await copyUntilDone(host, computer, { request, tell, sums, signal })
    tell({ event: 'ended', ...sums })
  } catch (error) {
    tell({ event: 'refused', error: toMeshError(error).toBody() })
  }
  if (!stream.destroyed) stream.end()
}

interface Terms {
  readonly request: CopyRequest
  readonly tell: (event: CopyEvent) => void
  readonly sums: CopySums
  readonly signal: AbortSignal
}

/** Where a connection breaks, look again at what is there and go on. */
async function copyUntilDone(host: Host, computer: Computer, terms: Terms): Promise<void> {
  const { request, tell, sums, signal } = terms
  const pace = createPace(host, request.bytesPerSecond, signal)
  let brokenSinceMs: number | undefined
  let isStarted = false
  for (;;) {
    const before = sums.sentBytes + sums.copiedCount
    try {
      await using source = await openPlace(host, computer, request.from, { signal })
      await using target = await openPlace(host, computer, request.to, { signal })
      isStarted = true
      return await runCopy({ source, target, request, tell, pace, signal, sums })
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (signal.aborted || !isBroken(error) || !isStarted) throw error
      const now = host.clock.now()
      if (sums.sentBytes + sums.copiedCount > before) brokenSinceMs = undefined
      brokenSinceMs ??= now
      if (now - brokenSinceMs > GIVE_UP_MS) throw error
      tell({ event: 'waiting', message: error.message })
      await wait(host, RETRY_MS, signal)
    }
  }
}

/** Wait before bytes go, so that they go at that rate. */
export function createPace(
  host: Host,
  bytesPerSecond: number | undefined,
  signal: AbortSignal,
): (byteCount: number) => Promise<void> {
  if (bytesPerSecond === undefined) return async () => {}
  const pacer = createPacer(bytesPerSecond)
  return async byteCount => {
    const ms = pacer.take(byteCount, host.clock.now())
    if (ms > 0) await wait(host, ms, signal)
    signal.throwIfAborted()
  }
}

/** Wait, or until it is given up. */
export function wait(host: Host, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    const cancel = host.after(ms, done)
    signal.addEventListener('abort', done, { once: true })
    function done() {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}

/** Tells events; how far it is, some times a second. Whoever does not read is told less. */
function createTeller(host: Host, stream: Duplex): (event: CopyEvent) => void {
  let toldMs = Number.NEGATIVE_INFINITY
  return event => {
    if (stream.destroyed || stream.writableEnded) return
    const mayBeLeftOut = event.event === 'done' || event.event === 'progress'
    if (event.event === 'progress') {
      const now = host.clock.now()
      if (now - toldMs < PROGRESS_MS && now >= toldMs) return
      toldMs = now
    }
    if (mayBeLeftOut && stream.writableLength > MAX_UNREAD_BYTES) return
    stream.write(`${JSON.stringify(event)}\n`)
  }
}

/** How long a copy tries to come back without getting anywhere. */
const GIVE_UP_MS = 600_000
const RETRY_MS = 1_000
const PROGRESS_MS = 150
/** Events that nobody reads: those that come then are left out. */
const MAX_UNREAD_BYTES = 4_194_304
