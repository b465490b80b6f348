import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { quote } from '../../core/model/quote.ts'

/** Where the things are that roles may refer to by `@`. */
export interface RoleTargets {
  /** The id of what is called so, by id or name. */
  idOf(reference: string): string | undefined
  /** The name of an id, to show. */
  nameOf(id: string): string | undefined
}

/**
 * Roles as they are kept: `#attribute` as it is, `@name` and `@id` as `@id`.
 *
 * @param field  for the error
 * @throws EdgeError COULD_NOT_VALIDATE for what is neither, and for a reference to nothing
 */
export function resolveRoles(
  roles: readonly string[] | null | undefined,
  field: string,
  targets: RoleTargets,
): string[] {
  const resolved = (roles ?? []).map(role => {
    if (/^#./u.test(role)) return role
    if (!/^@./u.test(role)) throw fieldError(field, 'a role begins with # or @', role)
    const id = targets.idOf(role.slice(1))
    if (id === undefined) throw fieldError(field, `there is nothing called ${quote(role.slice(1))}`, role)
    return `@${id}`
  })
  return [...new Set(resolved)]
}

/** Roles as people read them, beside the roles themselves. */
export function displayRoles(
  roles: readonly string[],
  targets: RoleTargets,
): { role: string; name: string }[] {
  return roles.map(role => {
    if (!role.startsWith('@')) return { role, name: role }
    return { role, name: `@${targets.nameOf(role.slice(1)) ?? role.slice(1)}` }
  })
}

/** @throws EdgeError CAN_NOT_DELETE_REFERENCED_ENTITY where something still refers to it */
export function refuseReferenced(what: string, users: readonly { readonly name: string }[]): void {
  const [first] = users
  if (first === undefined) return
  const more = users.length > 1 ? ` and ${users.length - 1} more` : ''
  throw new EdgeError('CAN_NOT_DELETE_REFERENCED_ENTITY', `${what} is used by ${quote(first.name)}${more}`)
}
