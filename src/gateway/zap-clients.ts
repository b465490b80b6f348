import type { ServiceName } from '../core/model/names.ts'
import type { DialService } from '../net/service-streams.ts'
import { openZapClient, type ZapClient } from '../sdk/zap/zap-client.ts'

/** One ZAP connection to each service that routes call, for all their calls together. */
export interface ZapClients {
  /** The connection of a service, opened if there is none. @throws MeshError as the dial */
  client(service: ServiceName, connectMs: number): Promise<ZapClient>
  close(): void
}

/** Make them; nothing is dialled yet. */
export function createZapClients(dial: DialService): ZapClients {
  const clients = new Map<ServiceName, Promise<ZapClient>>()
  const open = new Set<ZapClient>()

  async function start(service: ServiceName, connectMs: number): Promise<ZapClient> {
    const giveUp = new AbortController()
    const timer = connectMs === 0 ? undefined : setTimeout(() => giveUp.abort(), connectMs)
    try {
      const stream = await dial(service, { signal: giveUp.signal })
      const client = openZapClient(stream)
      open.add(client)
      stream.once('close', () => open.delete(client))
      return client
    } finally {
      clearTimeout(timer)
    }
  }

  async function client(service: ServiceName, connectMs: number): Promise<ZapClient> {
    const kept = clients.get(service)
    if (kept !== undefined) {
      const found = await kept
      if (found.isOpen) return found
    }
    // Who waited for the same old connection may have begun a new one already.
    const present = clients.get(service)
    if (present !== undefined && present !== kept) return await present
    const started = start(service, connectMs)
    clients.set(service, started)
    started.catch(() => {
      if (clients.get(service) === started) clients.delete(service)
    })
    return await started
  }

  return {
    client,
    close() {
      for (const one of open) one.close()
    },
  }
}
