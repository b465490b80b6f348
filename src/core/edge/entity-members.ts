/** A body of a request or an answer: plain JSON. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json }

/** An entity as the controller shows it: of its members only the id is sure. */
export interface Entity {
  readonly id: string
  readonly [member: string]: unknown
}

/** What an entity is called: its name, or the id of one that has none. */
export function nameOf(entity: Entity): string {
  return textOf(entity.name) ?? entity.id
}

/** The member of an entity at a path, as `primary.cert.allowed`; undefined where there is none. */
export function memberOf(entity: unknown, path: string): unknown {
  let value = entity
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

/** A text that is not empty; undefined for all else. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A list of texts, whatever was there. */
export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(each => typeof each === 'string') : []
}

/**
 * The roles of a policy as people write them: `#attribute`, `@name`.
 *
 * @param member  `identityRoles`
 */
export function rolesOf(entity: Entity, member: string): string[] {
  const shown = entity[`${member}Display`]
  const names = new Map<unknown, string>()
  if (Array.isArray(shown))
    for (const each of shown) {
      const [role, name] = [memberOf(each, 'role'), textOf(memberOf(each, 'name'))]
      if (name !== undefined) names.set(role, name)
    }
  return textsOf(entity[member]).map(role => names.get(role) ?? role)
}

/** What the mesh calls a declared service: `db` is `tcp/db`. */
export function meshNameOf(entity: Entity): string {
  const name = nameOf(entity)
  return /^(?:tcp|udp)\//.test(name) ? name : `tcp/${name}`
}

/** Lay one value over another: objects are merged, all else is replaced. */
export function layOver(base: Json, over: Json): Json {
  if (!isObject(base) || !isObject(over)) return over
  const laid: Record<string, Json> = { ...base }
  for (const [name, value] of Object.entries(over))
    laid[name] = Object.hasOwn(base, name) ? layOver(base[name] as Json, value) : value
  return laid
}

/** Set the member of a body at a path, as `primary.cert.allowed`; an object is laid over the one that is there. */
export function setMember(body: Record<string, Json>, path: string, value: Json): void {
  const [first = '', ...rest] = path.split('.')
  if (rest.length === 0) {
    const before = body[first]
    body[first] = before === undefined ? value : layOver(before, value)
    return
  }
  const inner = isObject(body[first]) ? { ...body[first] } : {}
  setMember(inner, rest.join('.'), value)
  body[first] = inner
}

function isObject(value: unknown): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
