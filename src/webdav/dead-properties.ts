import { MeshError } from '../core/model/errors.ts'
import type { XmlElement } from './read-xml.ts'
import { formatRead } from './write-xml.ts'

/** Properties that programs have set, and that mean nothing to us: they last as long as the share. */
export interface DeadProperties {
  /** The properties of a path: their XML, by what names them. */
  of(path: string): ReadonlyMap<string, DeadProperty>
  /** Set and remove, all or nothing. @throws MeshError `storage-full` */
  change(path: string, changes: readonly PropertyChange[]): void
  /** What was at a path, and below, is gone. */
  removeBelow(path: string): void
  /** What is at a path has gone to another, or was copied there. */
  carry(from: string, to: string, how: 'moved' | 'copied' | 'copied-alone'): void
}

/** A property that was set. */
export interface DeadProperty {
  readonly space: string
  readonly name: string
  readonly xml: string
}

/** What is to be done with a property. */
export interface PropertyChange {
  readonly do: 'set' | 'remove'
  readonly element: XmlElement
}

/** None are set. */
export function createDeadProperties(): DeadProperties {
  const all = new Map<string, ReadonlyMap<string, DeadProperty>>()
  let characters = 0
  const sizeOf = (path: string, properties: ReadonlyMap<string, DeadProperty>) => {
    const sizes = [...properties.values()].map(
      ({ space, name, xml }) => space.length + name.length + xml.length,
    )
    return sizes.reduce((sum, size) => sum + size, path.length) + PROPERTY_CHARACTERS * sizes.length
  }
  const put = (path: string, properties: ReadonlyMap<string, DeadProperty>) => {
    const before = all.get(path)
    const difference =
      (properties.size === 0 ? 0 : sizeOf(path, properties)) -
      (before === undefined ? 0 : sizeOf(path, before))
    if (difference > 0 && characters + difference > MAX_PROPERTY_CHARACTERS)
      throw new MeshError('storage-full', 'Cannot keep properties: there are too many, or they are too long')
    characters += difference
    if (properties.size === 0) all.delete(path)
    else all.set(path, properties)
  }
  const below = (path: string) =>
    [...all].filter(([one]) => one === path || path === '' || one.startsWith(`${path}/`))
  return {
    of: path => all.get(path) ?? NONE,
    change(path, changes) {
      const properties = new Map(all.get(path))
      for (const { do: what, element } of changes) {
        const key = propertyKey(element)
        if (what === 'remove') properties.delete(key)
        else properties.set(key, { space: element.space, name: element.name, xml: formatRead(element) })
      }
      put(path, properties)
    },
    removeBelow(path) {
      for (const [one] of below(path)) put(one, NONE)
    },
    carry(from, to, how) {
      const carried = how === 'copied-alone' ? below(from).filter(([one]) => one === from) : below(from)
      for (const [one, properties] of carried) {
        if (how === 'moved') put(one, NONE)
        try {
          put(`${to}${one.slice(from.length)}`, properties)
        } catch {
          // The files count.
        }
      }
    },
  }
}

/** One text for the namespace and name of a property. */
export function propertyKey({ space, name }: { readonly space: string; readonly name: string }): string {
  return `${space}\n${name}`
}

const NONE: ReadonlyMap<string, DeadProperty> = new Map()
/** Characters of all properties of a share, with their names and paths. */
export const MAX_PROPERTY_CHARACTERS = 8_388_608
/** What each costs beside. */
const PROPERTY_CHARACTERS = 100
