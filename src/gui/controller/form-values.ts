import { EDGE_KINDS } from '../../core/edge/edge-kinds.ts'
import { type Entity, type Json, layOver, memberOf, setMember } from '../../core/edge/entity-members.ts'
import { formatCommand } from '../parts/command-words.ts'
import type { Collection, Field } from './collection.ts'

/** What stands in a form: a value for each member, and the name. */
export interface FormValues {
  readonly name: string
  readonly members: Readonly<Record<string, Json>>
}

/** What a form begins with. @param entity  the one that is changed; absent for a new one */
export function firstValues({ form }: Collection, entity: Entity | undefined): FormValues {
  const source: unknown = entity ?? form?.base
  const members = (form?.fields ?? []).map(field => {
    const path = entity === undefined ? field.member : (field.from ?? field.member)
    return [field.member, (memberOf(source, path) ?? null) as Json] as const
  })
  const name = entity?.name
  return { name: typeof name === 'string' ? name : '', members: Object.fromEntries(members) }
}

/** Members whose values are not those that the form began with, in the order of the form. */
export function changedFields(collection: Collection, first: FormValues, now: FormValues): Field[] {
  return (collection.form?.fields ?? []).filter(
    ({ member }) => !isSameJson(clean(first.members[member]), clean(now.members[member])),
  )
}

/** The body that makes a new entity. */
export function bodyOfNew(collection: Collection, { name, members }: FormValues): Record<string, Json> {
  const said: Record<string, Json> = {}
  for (const { member } of collection.form?.fields ?? []) {
    const value = clean(members[member])
    // What is left out has its default there.
    if (value !== null) setMember(said, member, value)
  }
  return layOver({ ...collection.form?.base, name: name.trim() }, said) as Record<string, Json>
}

/** The body that changes an entity: only what changed, so that what others change meanwhile stays. */
export function bodyOfChange(
  collection: Collection,
  first: FormValues,
  now: FormValues,
): Record<string, Json> {
  const body: Record<string, Json> = {}
  if (now.name.trim() !== first.name) body.name = now.name.trim()
  for (const { member } of changedFields(collection, first, now))
    setMember(body, member, clean(now.members[member]))
  return body
}

/**
 * What the form is about to change and somebody else has changed since it was opened, to something else: saving it would take
 * that away unseen.
 *
 * @param there  the entity as it is now
 * @returns members, `name` among them
 */
export function changedMeanwhile(
  collection: Collection,
  first: FormValues,
  now: FormValues,
  there: Entity,
): string[] {
  const theirs = firstValues(collection, there)
  const name = now.name.trim()
  const isRenamed = name !== first.name && theirs.name !== first.name && theirs.name !== name
  const members = changedFields(collection, first, now)
    .map(({ member }) => member)
    .filter(member => {
      const value = clean(theirs.members[member])
      return (
        !isSameJson(value, clean(first.members[member])) && !isSameJson(value, clean(now.members[member]))
      )
    })
  return [...(isRenamed ? ['name'] : []), ...members]
}

/** The command that makes what the form says. @param more  words at its end */
export function commandOfNew(collection: Collection, now: FormValues, more: readonly string[] = []): string {
  const first = firstValues(collection, undefined)
  const [word] = EDGE_KINDS[collection.kind].words
  const fields = (collection.form?.fields ?? []).filter(
    field => field.isRequired === true || changedFields(collection, first, now).includes(field),
  )
  const options = fields.flatMap(field => wordsOf(field, clean(now.members[field.member])))
  return formatCommand('ztm', 'create', word, now.name.trim() || 'NAME', ...options, ...more)
}

/** The command that changes what the form changed. */
export function commandOfChange(
  collection: Collection,
  first: FormValues,
  now: FormValues,
  id: string,
): string {
  const [word] = EDGE_KINDS[collection.kind].words
  const rename = now.name.trim() === first.name ? [] : ['--rename', now.name.trim()]
  const options = changedFields(collection, first, now).flatMap(field =>
    wordsOf(field, clean(now.members[field.member])),
  )
  return formatCommand('ztm', 'update', word, first.name || id, ...rename, ...options)
}

function wordsOf(field: Field, value: Json): string[] {
  const { flag, offFlag, member } = field
  const set = ['--set', `${member}=${JSON.stringify(value)}`]
  if (value === null) return set
  if (typeof value === 'boolean') {
    const word = value ? flag : offFlag
    return word === undefined ? set : [word]
  }
  if (flag === undefined) return set
  if (Array.isArray(value)) {
    const words = value.map(String)
    // A word like an option would be read as one.
    return words.length === 0 || words.some(each => each.startsWith('-')) ? set : [flag, ...words]
  }
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return [text.startsWith('-') ? `${flag}=${text}` : flag, ...(text.startsWith('-') ? [] : [text])]
}

/** Texts without blanks around them; nothing instead of an empty one. */
function clean(value: Json | undefined): Json {
  if (value === undefined) return null
  if (typeof value !== 'string') return value
  const text = value.trim()
  return text === '' ? null : text
}

function isSameJson(a: Json, b: Json): boolean {
  const [left, right] = [a ?? null, b ?? null]
  // A list that is empty and one that is not there are the same to the controller.
  const isEmpty = (value: Json) => value === null || (Array.isArray(value) && value.length === 0)
  return (isEmpty(left) && isEmpty(right)) || JSON.stringify(left) === JSON.stringify(right)
}
