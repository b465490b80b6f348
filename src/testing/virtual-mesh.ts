import type { EndpointId } from '../core/model/ids.ts'
import { REGISTRY_LIMITS, type RegistryLimits } from '../core/registry/registry.ts'
import { KEEP_ALIVE, SILENCE_MS } from '../net/keep-alive.ts'
import { VirtualAgent } from './virtual-agent.ts'
import { VirtualHub } from './virtual-hub.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'

/** What a virtual mesh is made of. */
export interface VirtualMeshOptions {
  readonly agentCount: number
  /** All chance in it, so that a seed gives the same mesh. */
  readonly random: () => number
  readonly limits?: Partial<RegistryLimits>
  /** One way between an agent and the hub; each agent has its own. Default 1 to 100 ms. */
  readonly latencyMs?: { readonly min: number; readonly max: number }
  /** Share of packets that are lost, and sent again 200 ms later. Default none. */
  readonly loss?: number
  /** Share of relay halves with which something goes wrong. Default none. */
  readonly mischief?: number
}

/**
 * A hub and its agents in virtual time: the machines that decide in the real ones, with wires that have latency, lose
 * packets and fall silent. No socket and no real time: a day passes in seconds, and the same seed gives the same day.
 */
export interface VirtualMesh {
  readonly time: VirtualTime
  readonly hub: VirtualHub
  readonly agents: readonly VirtualAgent[]
  /** Agents that take themselves to be online. */
  readonly onlineCount: number
  /** Let time pass. */
  run(spanMs: number): void
  /** Compare what the machines believe with what is there. @throws AssertionError */
  check(): void
}

/** Make a mesh whose agents are stopped. */
export function createVirtualMesh(options: VirtualMeshOptions): VirtualMesh {
  const { random, loss = 0, mischief = 0, latencyMs = { min: 1, max: 100 } } = options
  const time = createVirtualTime()
  const hub = new VirtualHub(time, random, { ...REGISTRY_LIMITS, ...options.limits })
  const agents = Array.from({ length: options.agentCount }, (_, i) => {
    const wireTimes = {
      latencyMs: latencyMs.min + random() * (latencyMs.max - latencyMs.min),
      resendMs: 200,
      loss,
      silenceMs: { agent: KEEP_ALIVE.intervalMs + KEEP_ALIVE.timeoutMs, hub: SILENCE_MS },
    }
    return new VirtualAgent({
      endpoint: `endpoint ${i}` as EndpointId,
      time,
      random,
      hub,
      wireTimes,
      mischief,
    })
  })
  return {
    time,
    hub,
    agents,
    get onlineCount() {
      return agents.filter(({ state }) => state === 'online').length
    },
    run(spanMs) {
      time.run(spanMs)
    },
    check() {
      hub.check()
      for (const agent of agents) agent.check()
    },
  }
}
