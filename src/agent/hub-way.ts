import type { Duplex } from 'node:stream'
import type { Address } from '../core/model/address.ts'
import { connectTcp } from '../net/host-sockets.ts'
import { firstOf } from './first-of.ts'

/** Opens a connection to the hub through another one. @throws MeshError where none leads there */
export type Detour = (signal: AbortSignal) => Promise<Duplex>

/** A connection to a hub, and how it came about. */
export interface HubWay {
  readonly connection: Duplex
  /** False where another hub carries it. */
  readonly isDirect: boolean
  /** Of this computer; absent where it has no connection of its own. */
  readonly localAddress: string | undefined
}

/**
 * Connect to a hub at its address; soon also through another hub, and take what comes first.
 *
 * @throws MeshError that of the address: `unreachable`, `timed-out` …
 */
export function reachHub(
  address: Address,
  options: { readonly detour: Detour | undefined; readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<HubWay> {
  const { detour, timeoutMs } = options
  const direct = async (signal: AbortSignal): Promise<HubWay> => {
    const connection = await connectTcp({ kind: 'address', ...address }, { timeoutMs, signal })
    return { connection, isDirect: true, localAddress: connection.localAddress }
  }
  const carried = async (signal: AbortSignal): Promise<HubWay> => {
    const connection = await (detour as Detour)(signal)
    return { connection, isDirect: false, localAddress: undefined }
  }
  return firstOf(detour === undefined ? [direct] : [direct, carried], {
    patienceMs: DETOUR_AFTER_MS,
    signal: options.signal,
    drop: ({ connection }) => connection.destroy(),
  })
}

/** See now and then, ever more seldom, whether a hub can be reached without another one again. */
export function watchReturn(address: Address, onReachable: () => void): Disposable {
  const abort = new AbortController()
  let waitMs = FIRST_LOOK_MS
  let timer = setTimeout(look, waitMs)
  async function look(): Promise<void> {
    try {
      const { signal } = abort
      const socket = await connectTcp({ kind: 'address', ...address }, { timeoutMs: LOOK_TIMEOUT_MS, signal })
      socket.destroy()
      onReachable()
    } catch {
      waitMs = Math.min(waitMs * 2, LONGEST_LOOK_MS)
      if (!abort.signal.aborted) timer = setTimeout(look, waitMs)
    }
  }
  return {
    [Symbol.dispose]() {
      abort.abort()
      clearTimeout(timer)
    },
  }
}

/** A hub that has not answered by then is asked for through another one as well. */
const DETOUR_AFTER_MS = 500
const FIRST_LOOK_MS = 15_000
const LONGEST_LOOK_MS = 600_000
const LOOK_TIMEOUT_MS = 3_000
