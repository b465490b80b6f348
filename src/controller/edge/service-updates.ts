import { createHash } from 'node:crypto'
import type { Asker } from './edge-call.ts'
import type { EdgeTables } from './edge-tables.ts'
import type { VisibleServices } from './visible-services.ts'

/** When what somebody sees of services last changed. */
export interface ServiceUpdates {
  /** Moves when the set of visible services changed, or what is shown of one; not otherwise. */
  lastChangeAtMs(asker: Asker, now: number): number
  forget(apiSessionId: string): void
}

interface Seen {
  readonly digest: string
  readonly changedAtMs: number
  /** What the tables were at when this was last looked at. */
  readonly revision: number
}

/** Remember what each login saw when it last asked. */
export function createServiceUpdates(
  tables: Pick<EdgeTables, 'services' | 'configs' | 'configTypes' | 'servicePolicies' | 'identities'>,
  services: VisibleServices,
  hostingRevision: () => number,
): ServiceUpdates {
  const seen = new Map<string, Seen>()
  let revision = 0
  const count = () => {
    revision += 1
  }
  for (const table of [tables.services, tables.configs, tables.configTypes, tables.servicePolicies]) {
    table.onChange(count)
  }
  tables.identities.onChange(count)

  /** Of all that an answer shows, which the records' times stand for. */
  function digestOf(asker: Asker): string {
    const hash = createHash('sha256')
    for (const { id, permissions, updatedAtMs, configs } of services.list(asker)) {
      hash.update(`${id} ${permissions.join()} ${updatedAtMs}`)
      for (const config of configs) hash.update(` ${tables.configs.get(config)?.updatedAtMs ?? 0}`)
    }
    const overrides = asker.kind === 'session' ? asker.identity.serviceConfigs : []
    for (const { serviceId, configId } of overrides) {
      hash.update(`${serviceId} ${configId} ${tables.configs.get(configId)?.updatedAtMs ?? 0}`)
    }
    return hash.digest('base64')
  }

  return {
    lastChangeAtMs(asker, now) {
      const at = revision + hostingRevision()
      const id = asker.member.id
      const last = seen.get(id)
      if (last?.revision === at) return last.changedAtMs
      const digest = digestOf(asker)
      const since = asker.kind === 'session' ? asker.session.createdAtMs : now
      const changedAtMs = last === undefined ? since : last.digest === digest ? last.changedAtMs : now
      const [oldest] = seen.keys()
      if (last === undefined && oldest !== undefined && seen.size >= MAX_SEEN) seen.delete(oldest)
      seen.set(id, { digest, changedAtMs, revision: at })
      return changedAtMs
    },
    forget: id => void seen.delete(id),
  }
}

/** Logins whose services are remembered; API sessions are as many at most. */
const MAX_SEEN = 60_000
