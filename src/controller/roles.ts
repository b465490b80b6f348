import type { UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import type { Evictions } from './evictions.ts'
import { type RoleRecord, roleRecordShape } from './records.ts'
import { openTable } from './table.ts'

/** Who administers the mesh beside root. */
export interface Roles {
  /** Whether the user was made an administrator, and not evicted since. */
  isAdmin(user: UserName): boolean
  /** The record, be it in force or not. */
  get(user: UserName): RoleRecord | undefined
  /** How many records there are. */
  readonly size: number
  put(record: RoleRecord): Promise<void>
  /** Make a plain member of the user; nothing where they are one. */
  delete(user: UserName): Promise<void>
}

/** Load the roles. */
export async function openRoles(
  { store, log }: Pick<Context, 'store' | 'log'>,
  evictions: Pick<Evictions, 'against'>,
): Promise<Roles> {
  const table = await openTable({
    store,
    log,
    prefix: 'role',
    shape: roleRecordShape,
    idOf: record => record.user,
  })
  return {
    isAdmin(user) {
      const role = table.get(user)
      // Also where the record could not be deleted when they were evicted.
      return role !== undefined && evictions.against({ user }, role.grantedAtMs) === undefined
    },
    get: user => table.get(user),
    get size() {
      return table.size
    },
    put: record => table.put(record),
    async delete(user) {
      if (table.get(user) !== undefined) await table.delete(user)
    },
  }
}
