import type { ServiceName } from '../core/model/names.ts'
import type { DialService } from '../net/service-streams.ts'
import { openZapClient, type ZapClient } from '../sdk/zap/zap-client.ts'

/** One ZAP connection to each service that routes call, for all their calls together. */
export interface ZapClients {
  /** The connection of a service, opened if there is none that works. @throws MeshError as the dial */
  client(service: ServiceName, connectMs: number): Promise<ZapClient>
  close(): void
}

interface Kept {
  readonly client: ZapClient
  /** Its stream has no path: calls under way may go on when there is one, new ones take another connection. */
  isLost: boolean
}

/** Make them; nothing is dialled yet. */
export function createZapClients(dial: DialService): ZapClients {
  const byService = new Map<ServiceName, Promise<Kept>>()
  const open = new Set<ZapClient>()

  async function start(service: ServiceName, connectMs: number): Promise<Kept> {
    const giveUp = new AbortController()
    const timer = connectMs === 0 ? undefined : setTimeout(() => giveUp.abort(), connectMs)
    try {
      const stream = await dial(service, { signal: giveUp.signal })
      const kept: Kept = { client: openZapClient(stream), isLost: false }
      const { client } = kept
      let patience: NodeJS.Timeout | undefined
      open.add(client)
      stream.on('lost', () => {
        kept.isLost = true
        if (client.callCount === 0) client.close()
        else patience = setTimeout(() => client.close(), LOST_PATIENCE_MS)
      })
      stream.on('carried', () => {
        kept.isLost = false
        clearTimeout(patience)
      })
      stream.once('close', () => {
        clearTimeout(patience)
        open.delete(client)
      })
      return kept
    } finally {
      clearTimeout(timer)
    }
  }

  async function client(service: ServiceName, connectMs: number): Promise<ZapClient> {
    const before = byService.get(service)
    if (before !== undefined) {
      const found = await before
      if (found.client.isOpen && !found.isLost) return found.client
    }
    // Who waited for the same old connection may have begun a new one already.
    const present = byService.get(service)
    if (present !== undefined && present !== before) return (await present).client
    const started = start(service, connectMs)
    byService.set(service, started)
    started.catch(() => {
      if (byService.get(service) === started) byService.delete(service)
    })
    return (await started).client
  }

  return {
    client,
    close() {
      for (const one of open) one.close()
    },
  }
}

/** Calls on a stream without a path fail after this. */
const LOST_PATIENCE_MS = 15_000
