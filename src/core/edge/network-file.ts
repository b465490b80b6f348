import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'
import {
  DEFAULT_NETWORK,
  ITEM_SHAPES,
  type Network,
  type NetworkItem,
  networkFileShape,
  SECTIONS,
  type Section,
} from './network-shape.ts'

/**
 * Read a network from the document that a YAML or JSON text is.
 *
 * @param where  for errors: the file's name
 * @throws MeshError `bad-input` with the place of what is not understood, and for a name that stands twice
 */
export function readNetwork(document: unknown, where: string): Network {
  // An empty file is a network of nothing.
  const parsed = networkFileShape.safeParse(document ?? {})
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const place = (issue?.path ?? []).map(step =>
      typeof step === 'number' ? `[${step}]` : `.${String(step)}`,
    )
    const shown = place.join('').replace(/^\./, '')
    const state = issue?.code === 'unrecognized_keys' ? describeUnknown(issue.keys) : (issue?.message ?? '')
    const text = shown === '' ? state : `${shown}: ${state}`
    throw new MeshError('bad-input', `Cannot read ${quote(where, 300)}: ${text}`)
  }
  const { name, ...sections } = parsed.data
  for (const section of SECTIONS) refuseTwice(where, section, sections[section])
  return { name, sections }
}

function describeUnknown(keys: readonly string[]): string {
  return `nothing is called ${keys.map(key => quote(key)).join(' or ')} there: see examples/network.yaml`
}

function refuseTwice(where: string, section: Section, items: readonly NetworkItem[]): void {
  const seen = new Set<string>()
  for (const { name } of items) {
    if (seen.has(name))
      throw new MeshError(
        'bad-input',
        `Cannot read ${quote(where, 300)}: ${section}: ${quote(name)} stands there twice`,
      )
    seen.add(name)
  }
}

/**
 * A network as a document that `readNetwork` reads: sections without entities and members that have their default
 * are left out.
 */
export function writeNetwork({ name, sections }: Network): Record<string, unknown> {
  const document: Record<string, unknown> = name === DEFAULT_NETWORK ? {} : { name }
  for (const section of SECTIONS) {
    const items = sections[section]
    if (items.length > 0) document[section] = items.map(item => withoutDefaults(item, section))
  }
  return document
}

function withoutDefaults(item: NetworkItem, section: Section): object {
  const shape: Readonly<Record<string, { safeParse(value: unknown): { data?: unknown } }>> =
    ITEM_SHAPES[section].shape
  const kept = Object.entries(item).flatMap(([member, value]) => {
    const standard = shape[member]?.safeParse(undefined).data
    const rest = standard === undefined ? value : differing(value, standard, GROUPS.has(member))
    return rest === undefined ? [] : [[member, rest]]
  })
  return Object.fromEntries(kept)
}

/** What of a value is not as it would be without it; of a group of members only those. */
function differing(value: unknown, standard: unknown, isGroup: boolean): unknown {
  if (isSame(value, standard)) return undefined
  if (!isGroup || !isObject(value) || !isObject(standard)) return value
  const members = Object.entries(value).filter(([name, each]) => !isSame(each, standard[name]))
  return Object.fromEntries(members)
}

/** Members whose own members have defaults. */
const GROUPS: ReadonlySet<string> = new Set(['cert', 'extJwt', 'updb', 'apiKey'])

/** Whether two JSON values are the same; members of objects may be in any order. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((each, index) => isSame(each, b[index]))
  if (!isObject(a) || !isObject(b)) return false
  const [left, right] = [Object.keys(a), Object.keys(b)]
  return (
    left.length === right.length && left.every(name => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
