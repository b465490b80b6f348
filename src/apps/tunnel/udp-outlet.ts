import { MAX_DATAGRAM_BYTES } from '../../core/codec/datagram.ts'
import { formatTarget, type Target } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Host, Incoming, UdpEvents, UdpFlow } from '../../sdk/app.ts'
import { createQueueBudget, DatagramLink } from './datagram-link.ts'
import { createFlowTable, type Flow } from './flow-table.ts'
import { type Outlet, type OutletOptions, refuseClosed, refuseOver } from './outlet.ts'

/** How UDP leaves the mesh: every stream is a flow from a port of its own to one target. */
export function createUdpOutlet({ host, pool, limits }: OutletOptions): Outlet {
  const flows = createFlowTable<Incoming, Flow>(host, limits)
  const counts = new Map<string, number>()
  const budget = createQueueBudget(limits.maxQueuedBytesTogether)
  let sentBytes = 0
  let receivedBytes = 0
  let connectingCount = 0
  let isClosed = false

  function count(target: Target, change: 1 | -1): void {
    const key = formatTarget(target)
    const now = (counts.get(key) ?? 0) + change
    if (now > 0) counts.set(key, now)
    else counts.delete(key)
  }

  /**
   * Keep the flow: from here on it ends by itself, by its stream, or when the table wants.
   *
   * @throws MeshError `too-many`
   */
  function carry(incoming: Incoming, target: Target, socket: UdpFlow, events: LateEvents): void {
    let isAnswered = false
    const link = new DatagramLink({
      budget,
      limits,
      onDatagram(payload) {
        receivedBytes += payload.length
        flows.touch(incoming, 'out')
        socket.send(payload)
      },
      onClosed: () => flows.end(incoming),
    })
    events.begin({
      onDatagram(payload) {
        if (payload.length > MAX_DATAGRAM_BYTES) return
        if (!isAnswered) pool.report(target, undefined)
        isAnswered = true
        sentBytes += payload.length
        flows.touch(incoming, 'back')
        link.send(payload)
      },
      onUnreachable(error) {
        if (isAnswered) return
        // Nobody is there: the client's next datagram makes a new flow, to another target if there is one.
        pool.report(target, error)
        flows.end(incoming)
      },
    })
    const flow: Flow = {
      close() {
        count(target, -1)
        pool.closed(target)
        link.close()
        void socket[Symbol.asyncDispose]()
      },
    }
    if (!flows.add(incoming, flow)) throw refuseOver(incoming, limits.maxFlows)
    count(target, 1)
    // Before the answer, which says whether it listens.
    if (incoming.datagrams !== undefined) link.useBeside(incoming.datagrams)
    link.open(incoming.accept())
  }

  return {
    async receive(incoming) {
      if (connectingCount >= limits.maxFlows) throw refuseOver(incoming, limits.maxFlows)
      connectingCount += 1
      const events = createLateEvents()
      try {
        const { target, connection } = await pool.connect(incoming, (candidate, timeoutMs) =>
          openFlow(host, candidate, timeoutMs, events),
        )
        try {
          if (isClosed) throw refuseClosed(incoming)
          carry(incoming, target, connection, events)
        } catch (error) {
          pool.closed(target)
          await connection[Symbol.asyncDispose]()
          throw error
        }
      } finally {
        connectingCount -= 1
      }
    },
    close() {
      isClosed = true
      flows.clear()
    },
    count: key => (key === undefined ? flows.count : (counts.get(key) ?? 0)),
    traffic: () => ({ sentBytes, receivedBytes, droppedCount: budget.droppedCount }),
  }
}

/** @throws MeshError `unreachable`, `timed-out` while a name is looked up, `unsupported` for a unix socket */
async function openFlow(host: Host, target: Target, timeoutMs: number, events: UdpEvents): Promise<UdpFlow> {
  const action = `Cannot reach ${formatTarget(target)}`
  if (target.kind === 'unix') throw new MeshError('unsupported', `${action}: it is no UDP address`)
  const { promise: late, reject } = Promise.withResolvers<never>()
  const cancel = host.after(timeoutMs, () =>
    reject(new MeshError('timed-out', `${action}: no answer within ${timeoutMs} ms`)),
  )
  const opening = host.connectUdp(target, events)
  try {
    return await Promise.race([opening, late])
  } catch (error) {
    opening.then(
      flow => flow[Symbol.asyncDispose](),
      () => {},
    )
    throw error
  } finally {
    cancel()
  }
}

interface LateEvents extends UdpEvents {
  readonly onUnreachable: (error: MeshError) => void
  begin(events: Required<Omit<UdpEvents, 'mayUse'>>): void
}

/** Events of a socket that is made before whoever hears them. Nothing was sent until then, so there is nothing to hear. */
function createLateEvents(): LateEvents {
  let heard: Required<Omit<UdpEvents, 'mayUse'>> | undefined
  return {
    onDatagram: payload => heard?.onDatagram(payload),
    onUnreachable: error => heard?.onUnreachable(error),
    begin(events) {
      heard = events
    },
  }
}
