import type { Duplex } from 'node:stream'
import { createDatagramDecoder, encodeDatagrams } from '../../core/codec/datagram.ts'
import { encodeSocksDatagram, readSocksDatagram, type SocksAddress } from '../../core/codec/socks.ts'
import { toMeshError } from '../../core/model/errors.ts'
import type { Host, UdpFlow } from '../../sdk/app.ts'
import type { ProxyLimits } from './limits.ts'

/** What carrying datagrams out needs. */
export interface UdpExitOptions {
  readonly host: Pick<Host, 'connectUdp' | 'after' | 'log'>
  readonly limits: Pick<ProxyLimits, 'maxFlowsPerAssociation' | 'maxExitFlows' | 'flowIdleMs'>
  /** Sockets that are open now, of all associations that share it. */
  readonly sockets: { count: number }
  readonly refusal: (passage: SocksAddress & { readonly ip: string }) => string | undefined
}

interface Flow {
  readonly opening: Promise<UdpFlow | undefined>
  endIdle: () => void
}

/**
 * Carry the datagrams of one association, each as SOCKS writes it, between a stream and the world. What cannot be sent is
 * lost, as datagrams are; answers that the stream does not take fast enough likewise.
 */
export function carryDatagrams(stream: Duplex, options: UdpExitOptions): void {
  const { host, limits, refusal, sockets } = options
  const decoder = createDatagramDecoder()
  // In the order of their last use.
  const flows = new Map<string, Flow>()

  function answer(from: SocksAddress, payload: Uint8Array): void {
    if (stream.destroyed || stream.writableLength > MAX_WAITING_BYTES) return
    stream.write(encodeDatagrams([encodeSocksDatagram({ ...from, payload })]))
  }

  async function open(to: SocksAddress): Promise<UdpFlow | undefined> {
    try {
      return await host.connectUdp(to, {
        onDatagram: payload => answer(to, payload),
        mayUse: ip => refusal({ ...to, ip }) === undefined,
      })
    } catch (thrown) {
      const error = toMeshError(thrown)
      host.log.debug('exit.refused', { host: to.host, code: error.code, reason: error.message })
      return undefined
    }
  }

  function end(key: string, flow: Flow): void {
    if (flows.get(key) === flow) flows.delete(key)
    flow.endIdle()
    void flow.opening.then(async opened => {
      await opened?.[Symbol.asyncDispose]()
      sockets.count -= 1
    })
  }

  function flowTo(to: SocksAddress): Flow | undefined {
    const key = `${to.host} ${to.port}`
    const known = flows.get(key)
    if (known === undefined) {
      if (sockets.count >= limits.maxExitFlows) return undefined
      sockets.count += 1
    }
    const flow = known ?? { opening: open(to), endIdle: () => {} }
    flow.endIdle()
    flow.endIdle = host.after(limits.flowIdleMs, () => end(key, flow))
    flows.delete(key)
    flows.set(key, flow)
    if (flows.size > limits.maxFlowsPerAssociation) {
      const [oldest] = flows
      if (oldest !== undefined) end(...oldest)
    }
    return flow
  }

  stream.on('data', (chunk: Uint8Array) => {
    let payloads: Uint8Array[]
    try {
      payloads = decoder.push(chunk)
    } catch {
      stream.destroy()
      return
    }
    for (const bytes of payloads) {
      const datagram = readSocksDatagram(bytes)
      if (datagram === undefined) continue
      const payload = Uint8Array.from(datagram.payload)
      void flowTo(datagram)?.opening.then(flow => flow?.send(payload))
    }
  })
  stream.once('end', () => stream.end())
  stream.once('close', () => {
    for (const [key, flow] of flows) end(key, flow)
  })
}

/** Answers that may wait for a stream; more are lost. */
const MAX_WAITING_BYTES = 262_144
