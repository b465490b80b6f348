import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'
import { isSame } from './network-file.ts'
import { type Network, type NetworkItem, SECTIONS, type Section } from './network-shape.ts'

/** An entity that is there, in the words of a file. */
export interface KnownItem {
  readonly id: string
  readonly item: NetworkItem
  /** Name of the network whose file made it. */
  readonly madeBy: string | undefined
}

/** What is there, by section. */
export type KnownNetwork = Readonly<Record<Section, readonly KnownItem[]>>

/** A member that is to change. */
export interface FieldChange {
  readonly field: string
  /** Absent for an entity that is not there yet. */
  readonly before?: unknown
  readonly after: unknown
}

/** Something to do. */
export type PlanStep =
  | {
      readonly do: 'create'
      readonly section: Section
      readonly name: string
      readonly fields: readonly FieldChange[]
      readonly item: NetworkItem
    }
  | {
      readonly do: 'update'
      readonly section: Section
      readonly name: string
      readonly fields: readonly FieldChange[]
      readonly item: NetworkItem
      readonly id: string
      /** The mark is kept by one that has it, and not given to one that somebody else made. */
      readonly isOurs: boolean
    }
  | { readonly do: 'delete'; readonly section: Section; readonly name: string; readonly id: string }

/** What to do so that what is there is what is wanted. */
export interface NetworkPlan {
  /** In the order in which they can be done. */
  readonly steps: readonly PlanStep[]
  /** Entities that are as they should be. */
  readonly keptCount: number
}

/**
 * Compare what is wanted with what is there. Pure. Lists of attributes, roles and names are sets: their order does not
 * count.
 *
 * @param isPruning  also remove what an earlier version of this file made and this one does not name; what others
 *   made stays in any case
 * @throws MeshError `conflict` for an entity that another file made, and for what cannot be changed
 */
export function planNetwork(wanted: Network, known: KnownNetwork, isPruning: boolean): NetworkPlan {
  const steps: PlanStep[] = []
  const deletions: PlanStep[] = []
  let keptCount = 0
  const rename = nameReader(known)
  for (const section of SECTIONS) {
    const byName = new Map(known[section].map(each => [each.item.name, each]))
    for (const item of wanted.sections[section]) {
      const before = byName.get(item.name)
      byName.delete(item.name)
      const step =
        before === undefined
          ? creation(section, item)
          : change(section, item, { ...before, network: wanted.name, rename })
      if (step === undefined) keptCount += 1
      else steps.push(step)
    }
    if (!isPruning) continue
    for (const { id, item, madeBy } of byName.values())
      if (madeBy === wanted.name) deletions.unshift({ do: 'delete', section, name: item.name, id })
  }
  return { steps: [...steps, ...deletions], keptCount }
}

/** Gives the name of what an id stands for; all else stays as it is. */
type Rename = (text: string) => string

/** An item with its sets in order, and references to ids that are known as names: to compare it. */
export function canonical(item: NetworkItem, rename: Rename = text => text): NetworkItem {
  const members = Object.entries(item).map(([member, value]) => [
    member,
    canonicalValue(member, value, rename),
  ])
  return Object.fromEntries(members) as NetworkItem
}

function canonicalValue(member: string, value: unknown, rename: Rename): unknown {
  if (REFERENCES.has(member) && typeof value === 'string') return rename(value)
  if (member === 'extJwt')
    return Object.fromEntries(
      Object.entries(value as object).map(([name, each]) => [name, canonicalValue(name, each, rename)]),
    )
  if (!SETS.has(member) || !Array.isArray(value)) return value
  return [...new Set((value as string[]).map(rename))].sort()
}

/** Turns an id of something that is there, alone or behind `@`, into its name; all else stays as it is. */
function nameReader(known: KnownNetwork): Rename {
  const names = new Map(SECTIONS.flatMap(section => known[section].map(({ id, item }) => [id, item.name])))
  return text => {
    if (text.startsWith('@')) return `@${names.get(text.slice(1)) ?? text.slice(1)}`
    return names.get(text) ?? text
  }
}

function creation(section: Section, item: NetworkItem): PlanStep {
  const fields = Object.entries(item)
    .filter(([field, value]) => field !== 'name' && !isBlank(value))
    .map(([field, after]) => ({ field, after }))
  return { do: 'create', section, name: item.name, fields, item }
}

function change(
  section: Section,
  item: NetworkItem,
  { id, item: before, madeBy, network, rename }: KnownItem & { network: string; rename: Rename },
): PlanStep | undefined {
  const { name } = item
  if (madeBy !== undefined && madeBy !== network) {
    const state = `the file of network ${quote(madeBy)} declares it too: take it out of one of them`
    throw new MeshError('conflict', `Cannot apply ${section}: ${quote(name)}: ${state}`)
  }
  const [is, wanted] = [canonical(before), canonical(item, rename)]
  const fields = Object.entries(wanted)
    .filter(([field, after]) => !isSame(is[field], after))
    .map(([field]) => ({ field, before: before[field], after: item[field] }))
  if (fields.length === 0) return undefined
  if (section === 'configs' && fields.some(({ field }) => field === 'type')) {
    const state = 'its type cannot change: give the new one another name'
    throw new MeshError('conflict', `Cannot apply configs: ${quote(name)}: ${state}`)
  }
  return { do: 'update', section, name, fields, item, id, isOurs: madeBy === network }
}

function isBlank(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0)
}

const SETS: ReadonlySet<string> = new Set([
  'roleAttributes',
  'identityRoles',
  'serviceRoles',
  'edgeRouterRoles',
  'configs',
  'scopes',
  'allowedSigners',
])
/** Members that are a name of another entity. */
const REFERENCES: ReadonlySet<string> = new Set(['authPolicy', 'enrollAuthPolicy', 'secondSigner', 'type'])
