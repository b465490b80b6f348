import { z } from 'zod'
import type { PermittedPair } from '../../core/edge/service-policies.ts'
import { toMeshError } from '../../core/model/errors.ts'
import type { Context } from '../context.ts'
import { openTable } from '../table.ts'

/**
 * Who was given a ticket for which declared service, and may have streams open by it. A subject is an identity, or an
 * endpoint of the mesh, by what policies know it.
 */
export interface OpenGrants extends AsyncDisposable {
  note(subject: string, serviceId: string): void
  forget(subject: string): void
  /** @param subject  of this one alone */
  pairs(subject?: string): Iterable<PermittedPair>
}

/** `edge-grant/<subject>`: streams outlive the controller, so what may be open by policies is not forgotten with it. */
const grantRecordShape = z.object({
  version: z.literal(1),
  id: z.string().min(1).max(64),
  services: z.array(z.string().max(64)).max(5_000),
})

/**
 * Load what may be open. Written down soon after, not before a ticket is given: a crash between the two loses what no
 * stream was opened with yet, or some milliseconds.
 *
 * @param isKnown  whether a subject still is somebody
 * @throws MeshError as the store
 */
export async function openOpenGrants(
  { store, log }: Pick<Context, 'store' | 'log'>,
  isKnown: (subject: string) => boolean,
): Promise<OpenGrants> {
  const table = await openTable({
    store,
    log,
    prefix: 'edge-grant',
    shape: grantRecordShape,
    idOf: record => record.id,
  })
  const bySubject = new Map<string, Set<string>>()
  const unsaved = new Set<string>()
  let saving: Promise<void> | undefined
  for (const { id, services } of table.values()) {
    if (isKnown(id)) bySubject.set(id, new Set(services))
    else unsaved.add(id)
  }

  function save(): void {
    saving ??= saveAll().finally(() => {
      saving = undefined
    })
  }

  /** All that changed at once, so that they share a transaction; what changes meanwhile is next. */
  async function saveAll(): Promise<void> {
    while (unsaved.size > 0) {
      const subjects = [...unsaved]
      unsaved.clear()
      await Promise.all(subjects.map(saveOne))
    }
  }

  async function saveOne(id: string): Promise<void> {
    const services = bySubject.get(id)
    try {
      if (services === undefined) await table.delete(id)
      else await table.put({ version: 1, id, services: [...services].slice(-MAX_GRANTS_PER_SUBJECT) })
    } catch (error) {
      log.warn('grant.not-saved', { subject: id, code: toMeshError(error).code })
    }
  }

  function* pairsOf(identityId: string): Iterable<PermittedPair> {
    for (const serviceId of bySubject.get(identityId) ?? []) yield { identityId, serviceId, type: 'Dial' }
  }

  if (unsaved.size > 0) save()
  return {
    note(subject, serviceId) {
      const services = bySubject.get(subject) ?? new Set()
      if (services.has(serviceId)) return
      bySubject.set(subject, services.add(serviceId))
      unsaved.add(subject)
      save()
    },
    forget(subject) {
      if (!bySubject.delete(subject)) return
      unsaved.add(subject)
      save()
    },
    *pairs(subject) {
      if (subject !== undefined) yield* pairsOf(subject)
      else for (const one of bySubject.keys()) yield* pairsOf(one)
    },
    async [Symbol.asyncDispose]() {
      await saving
    },
  }
}

/** Services that are remembered of one subject: 39 bytes each, and a document of the store has 256 KiB. */
const MAX_GRANTS_PER_SUBJECT = 5_000
