import type { Name, UserName } from '../model/names.ts'

/** Who may see and fetch what was published, beside its owner, who always may. */
export interface FileAccess {
  readonly users: readonly UserName[]
  /** Members of these groups of the controller; one that is empty or gone lets nobody in. */
  readonly groups: readonly Name[]
  /** Every member of the mesh. */
  readonly everyone: boolean
}

/** Who asks, as the mesh proved it. */
export interface FileReader {
  readonly user: UserName
  readonly groups: readonly Name[]
}

/** Whether somebody may see and fetch it: the owner, those named, members of the groups named, or everyone if it says so. */
export function mayRead(owner: UserName, access: FileAccess, reader: FileReader): boolean {
  return (
    reader.user === owner ||
    access.everyone ||
    access.users.includes(reader.user) ||
    access.groups.some(group => reader.groups.includes(group))
  )
}

/** Who may dial a holder at all: whoever may read something of what it holds. `*` stands for everyone. */
export function unionOfAccess(
  held: readonly { readonly owner: UserName; readonly access: FileAccess }[],
): FileAccess {
  return {
    // Of another's files that are held here the owner is a reader as well.
    users: [...new Set(held.flatMap(({ owner, access }) => [owner, ...access.users]))].sort(),
    groups: [...new Set(held.flatMap(({ access }) => access.groups))].sort(),
    everyone: held.some(({ access }) => access.everyone),
  }
}
