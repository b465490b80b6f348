import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import { protocolOf, type ServiceName, type UserName } from '../../core/model/names.ts'
import type { Dialing, DialOptions, Host } from '../../sdk/app.ts'
import { createRateLimitedLog } from '../../sdk/for-apps/rate-limited-log.ts'

/** What a dialler needs to know of its inbound. */
export interface PinnedDialerOptions {
  readonly host: Host
  readonly service: ServiceName
  /** Whose service it is, if it was dialled before. */
  readonly owner: UserName | undefined
  /** The owner was met for the first time: keep it. */
  readonly onOwner: () => void
  readonly logIntervalMs: number
}

/**
 * Dials the service of one inbound, and counts. It keeps to the owner it first met: if the name is another user's
 * one day, bytes meant for the old owner are not handed to the new one.
 */
export interface PinnedDialer {
  /** Endpoints to leave by; any if empty. */
  exits: readonly EndpointId[]
  readonly owner: UserName | undefined
  readonly totalCount: number
  readonly failedCount: number
  readonly lastError: string | undefined
  /** Dial. A failure is counted and logged here; cancelling is no failure. @param port  index in a range */
  dial(port: number | undefined): Dialing
  /** Get ready to dial. */
  prepare(): void
  /** Count what was not even dialled. */
  refuse(error: MeshError): void
}

/** Make the dialler of one inbound. */
export function createPinnedDialer(options: PinnedDialerOptions): PinnedDialer {
  const { host, service } = options
  const warn = createRateLimitedLog(host, 'tunnel.dial-failed', options.logIntervalMs)
  let owner = options.owner
  let totalCount = 0
  let failedCount = 0
  let lastError: string | undefined

  function dialOptions(exits: readonly EndpointId[], port?: number): DialOptions {
    return {
      exits,
      ...(owner !== undefined && { owner }),
      ...(port !== undefined && { port }),
      ...(protocolOf(service) === 'udp' && { takesDatagrams: true }),
    }
  }

  function pin(found: Awaited<Dialing['opened']>): void {
    if (owner === undefined) {
      owner = found.owner
      host.log.info('tunnel.owner-pinned', { service, owner })
      options.onOwner()
    } else if (owner !== found.owner) {
      const error = new MeshError(
        'denied',
        `Cannot dial "${service}": it was ${owner}'s and is ${found.owner}'s now: close and open the inbound to accept that`,
      )
      found.stream.on('error', () => {})
      found.stream.destroy(error)
      throw error
    }
  }

  function fail(error: MeshError): void {
    failedCount += 1
    lastError = error.message
    warn(error.code, { service, code: error.code, reason: error.message })
  }

  return {
    exits: [],
    get owner() {
      return owner
    },
    get totalCount() {
      return totalCount
    },
    get failedCount() {
      return failedCount
    },
    get lastError() {
      return lastError
    },
    dial(port) {
      totalCount += 1
      let isCancelled = false
      const dialing = host.dial(service, dialOptions(this.exits, port))
      const opened = dialing.opened.then(found => {
        pin(found)
        return found
      })
      opened.catch(thrown => {
        if (!isCancelled) fail(toMeshError(thrown))
      })
      return {
        write: bytes => dialing.write(bytes),
        opened,
        cancel() {
          isCancelled = true
          dialing.cancel()
        },
      }
    },
    prepare() {
      host.prepare(service, dialOptions(this.exits))
    },
    refuse(error) {
      totalCount += 1
      fail(error)
    },
  }
}
