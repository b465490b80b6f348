import { encodeDatagrams, MAX_DATAGRAM_BYTES } from '../../core/codec/datagram.ts'
import { type Address, formatAddress } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Dialing, Host, UdpPort } from '../../sdk/app.ts'
import { createQueueBudget, DatagramLink } from './datagram-link.ts'
import { createFlowTable, type Flow } from './flow-table.ts'
import type { Intake, IntakeOptions } from './intake.ts'
import type { ListenPlace } from './listen-place.ts'

interface ClientFlow extends Flow {
  readonly place: ListenPlace
  cancelForget?: () => void
  send(payload: Uint8Array): void
}

/**
 * How UDP comes into the mesh: every client address is a flow with a stream of its own, dialled when its first
 * datagram comes.
 */
export function createUdpIntake(host: Host, { service, dialer, limits }: IntakeOptions): Intake {
  const flows = createFlowTable<string, ClientFlow>(host, limits)
  const counts = new Map<ListenPlace, number>()
  const budget = createQueueBudget(limits.maxQueuedBytesTogether)
  let sentBytes = 0
  let receivedBytes = 0
  let portCount = 0

  function count(place: ListenPlace, change: 1 | -1): void {
    counts.set(place, (counts.get(place) ?? 0) + change)
  }

  function openFlow(
    key: string,
    place: ListenPlace,
    answer: (payload: Uint8Array) => void,
  ): ClientFlow | undefined {
    const sender = createEarlySender()
    let isRefused = false
    const link = new DatagramLink({
      budget,
      limits,
      onDatagram(payload) {
        receivedBytes += payload.length
        flows.touch(key, 'back')
        answer(payload)
      },
      onClosed: () => flows.end(key),
    })
    const flow: ClientFlow = {
      place,
      send(payload) {
        if (isRefused) budget.droppedCount += 1
        else if (!sender.send(payload)) link.send(payload)
      },
      close() {
        count(place, -1)
        flow.cancelForget?.()
        sender.cancel()
        link.close()
      },
    }
    if (!flows.add(key, flow)) {
      budget.droppedCount += 1
      dialer.refuse(
        new MeshError('too-many', `Cannot take flow for "${service}": ${limits.maxFlows} are in use`),
      )
      return undefined
    }
    count(place, 1)
    const dialing = dialer.dial(place.rangeIndex)
    sender.begin(dialing)
    dialing.opened.then(
      ({ stream, datagrams }) => {
        sender.end()
        if (datagrams !== undefined) link.useBeside(datagrams)
        link.open(stream)
      },
      () => {
        // Kept for a while, without a stream: a client that goes on sending must not make us dial for every datagram.
        isRefused = true
        const forget = () => {
          if (flows.find(key) === flow) flows.end(key)
        }
        if (flows.find(key) === flow) flow.cancelForget = host.after(limits.flowRetryMs, forget)
      },
    )
    return flow
  }

  return {
    async listen(at, place) {
      const number = ++portCount
      let port: UdpPort | undefined
      port = await host.bindUdp(at, (payload, from: Address) => {
        if (payload.length > MAX_DATAGRAM_BYTES) return
        const key = `${number} ${formatAddress(from)}`
        const flow = flows.find(key) ?? openFlow(key, place, answer => port?.send(answer, from))
        if (flow === undefined) return
        sentBytes += payload.length
        flows.touch(key, 'out')
        flow.send(payload)
      })
      return port
    },
    drop(place) {
      for (const key of [...flows.keys()]) {
        if (place === undefined || flows.find(key)?.place === place) flows.end(key)
      }
    },
    count: place => (place === undefined ? flows.count : (counts.get(place) ?? 0)),
    traffic: () => ({ sentBytes, receivedBytes, droppedCount: budget.droppedCount }),
  }
}

/** Sends the first datagrams with the dial itself, so that a question and its answer need one round trip. */
function createEarlySender() {
  let dialing: Dialing | undefined
  let leftBytes = EARLY_DATAGRAM_BYTES
  let isFull = false
  return {
    begin(begun: Dialing) {
      dialing = begun
    },
    /** @returns false where it must wait for the stream */
    send(payload: Uint8Array): boolean {
      leftBytes -= payload.length
      // From the first that waits on all must, to keep their order.
      isFull ||= leftBytes < 0
      if (dialing === undefined || isFull) return false
      isFull = !dialing.write(encodeDatagrams([payload]))
      return true
    },
    /** The dial is over. */
    end() {
      dialing = undefined
    },
    cancel() {
      dialing?.cancel()
      dialing = undefined
    },
  }
}

/** Less than a dial takes: there may be thousands of flows, and datagrams that do not fit wait in the queue. */
const EARLY_DATAGRAM_BYTES = 16_384
