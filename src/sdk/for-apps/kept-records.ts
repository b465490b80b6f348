import { z } from 'zod'
import { toMeshError } from '../../core/model/errors.ts'
import type { Host } from '../app.ts'

/** Records of one kind in an app's storage. */
export interface KeptRecords<T> {
  /** What their keys begin with, as `inbound/`. */
  readonly prefix: string
  readonly shape: z.ZodType<T>
  /** What is logged of one that cannot be read, as `tunnel.record-unreadable`. */
  readonly event: string
}

/**
 * Read everything that an app keeps of one kind. What cannot be read, damaged or of a later version, is logged and left as it
 * is; so is what `take` throws at.
 */
export async function readKeptRecords<T>(
  host: Host,
  { prefix, shape, event }: KeptRecords<T>,
  take: (record: T, key: string) => void,
): Promise<void> {
  for (const { key, value } of await host.storage.list(prefix)) {
    try {
      take(shape.parse(value), key)
    } catch (thrown) {
      host.log.error(event, { key, reason: describe(thrown) })
    }
  }
}

function describe(thrown: unknown): string {
  if (!(thrown instanceof z.ZodError)) return toMeshError(thrown).message
  const [issue] = thrown.issues
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not of its form'}`
}
