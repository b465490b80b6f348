import type { Entity, Json } from '../../core/edge/entity-members.ts'
import { memberOf, nameOf, rolesOf, textOf } from '../../core/edge/entity-members.ts'

/** What one entity is called where it has no name of its own: `ann → db`, of a session. */
export function labelOf(entity: Entity): string {
  const own = textOf(entity.name)
  if (own !== undefined) return own
  const parts = ['identity.name', 'host.name', 'service.name'].flatMap(
    path => textOf(memberOf(entity, path)) ?? [],
  )
  return parts.length === 0 ? nameOf(entity) : parts.join(' → ')
}

/** A member of an entity for its page. */
export interface Detail {
  readonly name: string
  readonly value: Json
}

/**
 * The members of an entity that say something, in the controller's own words, as `ztm describe` prints them. Tokens are not
 * among them: they are shown once, where they are made.
 */
export function detailsOf(entity: Entity): Detail[] {
  const details: Detail[] = []
  for (const [name, value] of Object.entries(entity)) {
    if (HIDDEN.has(name) || name.endsWith('Display') || isEmpty(value)) continue
    // `identity` beside `identityId`: its name is enough.
    if (name.endsWith('Id') && memberOf(entity[name.slice(0, -2)], '_links') !== undefined) continue
    if (memberOf(value, '_links') !== undefined)
      details.push({ name, value: textOf(memberOf(value, 'name')) ?? textOf(memberOf(value, 'id')) ?? '' })
    else if (name.endsWith('Roles')) details.push({ name, value: rolesOf(entity, name) })
    else details.push({ name, value: value as Json })
  }
  return details
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

/** Shown elsewhere, for programs, or secret. */
const HIDDEN: ReadonlySet<string> = new Set([
  '_links',
  'name',
  'enrollment',
  'authenticators',
  'token',
  'jwt',
  'typeId',
  'identityId',
])
