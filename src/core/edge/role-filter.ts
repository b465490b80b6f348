import { quoteForFilter } from './edge-client.ts'
import { type RoleSemantic, readRoles } from './role-match.ts'

/**
 * The filter of a list that takes what roles select, so that a draft of a policy can be looked at before there is one.
 *
 * An `@user` selects the endpoints of that user too, which the filter does not: it has no field for it.
 *
 * @param roles  `#attribute`, `#all` or `@id`
 * @returns a filter; an empty one, which takes all; undefined where the roles select nobody
 * @see docs/protocol.md, "Filters"
 */
export function filterOfRoles(roles: readonly string[], semantic: RoleSemantic): string | undefined {
  const { isForAll, ids, attributes } = readRoles(roles, semantic)
  if (isForAll) return ''
  const parts: string[] = []
  if (ids.size > 0) parts.push(`id in [${[...ids].map(quoteForFilter).join(', ')}]`)
  if (attributes.length > 0) {
    const each = attributes.map(attribute => `anyOf(roleAttributes) = ${quoteForFilter(attribute)}`)
    parts.push(`(${each.join(semantic === 'AnyOf' ? ' or ' : ' and ')})`)
  }
  return parts.length === 0 ? undefined : parts.join(' or ')
}

/** The filter of a list that takes what has a text in one of its members, whatever the case; undefined for an empty text. */
export function filterOfSearch(text: string, members: readonly string[]): string | undefined {
  const wanted = text.trim()
  if (wanted === '') return undefined
  return members.map(member => `${member} icontains ${quoteForFilter(wanted)}`).join(' or ')
}
