/** How the `#attributes` of a list of roles count: one of them is enough, or all must be there. */
export type RoleSemantic = 'AnyOf' | 'AllOf'

/** An identity, service or hub, as policies see it. */
export interface RoleSubject {
  readonly id: string
  /** All that an `@…` may call it; `id` itself need not be among them. */
  readonly ids: readonly string[]
  readonly attributes: readonly string[]
}

/** A list of roles made ready. */
export interface RoleSelector {
  readonly isForAll: boolean
  /** Of `@id`, without the sign. */
  readonly ids: ReadonlySet<string>
  /** Of `#attribute`, without the sign and each once; `#all` is not among them. */
  readonly attributes: readonly string[]
  readonly semantic: RoleSemantic
}

/**
 * Read `#attribute`, `#all` and `@id`. What has another first letter selects nothing.
 *
 * Whoever an `@id` names is selected, whatever else is in the list, and `#all` selects everybody under either
 * semantic. A list without `#attributes` selects by attribute nobody, so an empty one selects nobody at all.
 */
export function readRoles(roles: readonly string[], semantic: RoleSemantic): RoleSelector {
  const named = (sign: string) => roles.filter(role => role.startsWith(sign)).map(role => role.slice(1))
  const attributes = new Set(named('#'))
  const isForAll = attributes.delete('all')
  return { isForAll, ids: new Set(named('@')), attributes: [...attributes], semantic }
}

/** Whether the roles select a subject. */
export function selects(selector: RoleSelector, subject: RoleSubject): boolean {
  const { isForAll, ids, attributes, semantic } = selector
  if (isForAll || ids.has(subject.id) || subject.ids.some(id => ids.has(id))) return true
  if (attributes.length === 0) return false
  const isThere = (attribute: string) => subject.attributes.includes(attribute)
  return semantic === 'AnyOf' ? attributes.some(isThere) : attributes.every(isThere)
}

/**
 * The role of a list that selects a subject, for a person: `#sales`, `@db`, `#all`, or all attributes of AllOf
 * together (`#a and #b`).
 *
 * @returns undefined when none does
 */
export function selectingRole(
  roles: readonly string[],
  semantic: RoleSemantic,
  subject: RoleSubject,
): string | undefined {
  const alone = roles.find(role => role !== '#all' && selects(readRoles([role], semantic), subject))
  if (alone?.startsWith('@') === true) return alone
  const { isForAll, attributes } = readRoles(roles, semantic)
  if (isForAll) return '#all'
  if (!selects(readRoles(roles, semantic), subject)) return undefined
  return semantic === 'AnyOf' ? alone : attributes.map(attribute => `#${attribute}`).join(' and ')
}
