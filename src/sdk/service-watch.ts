import { MeshError } from '../core/model/errors.ts'
import type { ServiceName } from '../core/model/names.ts'
import { parseServiceName } from '../core/model/names.ts'
import type { ContextEvents, ServiceEntry } from './context-events.ts'
import { edgeServiceShape, readAnswer } from './edge-answers.ts'
import type { EdgeClient } from './edge-client.ts'
import { shortName } from './service-address.ts'
import type { TypedEmitter } from './typed-events.ts'
import { ZtmError } from './ztm-error.ts'

/** All services that this identity may dial or host. @throws ZtmError */
export async function listServices(edge: EdgeClient): Promise<ServiceEntry[]> {
  return (await edge.list('/services')).map(value => {
    const { id, name, permissions, encryptionRequired, configs, config } = readAnswer(
      edgeServiceShape,
      value,
      'service',
    )
    return { id, name: plainName(name), permissions, encryptionRequired, configs, config }
  })
}

/** One of them by its name. @throws ZtmError `service-not-found` */
export function requireService(services: readonly ServiceEntry[], service: ServiceName): ServiceEntry {
  const found = services.find(({ name }) => name === shortName(service))
  if (found !== undefined) return found
  const message = `Cannot find service "${service}": none of that name, or none that this identity may see`
  throw new ZtmError('service-not-found', new MeshError('not-found', message), { serviceName: service })
}

function plainName(name: string): string {
  try {
    return shortName(parseServiceName(name))
  } catch {
    return name
  }
}

/** Tells of services that come, go and change, as long as somebody listens. */
export interface ServiceWatch extends Disposable {
  /** Something may have changed: look soon. */
  look(): void
}

/** Watch the services of an identity. */
export function watchServices(edge: EdgeClient, emitter: TypedEmitter<ContextEvents>): ServiceWatch {
  let known: Map<string, ServiceEntry> | undefined
  let timer: NodeJS.Timeout | undefined
  let isLooking = false
  let isOver = false

  async function look(): Promise<void> {
    if (!emitter.isHeard('service-added', 'service-removed', 'service-changed')) {
      known = undefined
      return
    }
    const listed = await listServices(edge)
    if (isOver) return
    const next = new Map(listed.map(service => [service.id, service]))
    for (const service of listed) {
      const before = known?.get(service.id)
      if (before === undefined) emitter.emit('service-added', { service })
      else if (JSON.stringify(before) !== JSON.stringify(service))
        emitter.emit('service-changed', { service })
    }
    for (const [id, service] of known ?? []) {
      if (!next.has(id)) emitter.emit('service-removed', { service })
    }
    known = next
  }

  function lookIn(delayMs: number): void {
    clearTimeout(timer)
    if (isOver) return
    timer = setTimeout(() => {
      if (isLooking) return lookIn(SETTLE_MS)
      isLooking = true
      look()
        .catch(() => {
          // Told by whoever asks next; looked at again below.
        })
        .finally(() => {
          isLooking = false
          lookIn(LOOK_AGAIN_MS * (0.75 + Math.random() / 2))
        })
    }, delayMs).unref()
  }

  return {
    look: () => lookIn(SETTLE_MS),
    [Symbol.dispose]() {
      isOver = true
      clearTimeout(timer)
    },
  }
}

/** Changes come in swarms. */
const SETTLE_MS = 100
/** What a hub does not tell of is found by looking. */
const LOOK_AGAIN_MS = 30_000
