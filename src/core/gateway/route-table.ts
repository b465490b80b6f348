import { MeshError } from '../model/errors.ts'
import { parseRequestPath, type RequestPath } from './request-path.ts'

/** Where a route applies. */
export interface RoutePattern {
  /** `example.com`, `*.example.com` (any number of labels before it) or `*`; lower case. */
  readonly host: string
  /** `/a/b` exactly, `/users/:id` with parameters, `/v1/*` for what is below and `/v1` itself; `/*` is all. */
  readonly path: string
}

/** A route that fits a request. */
export interface RouteMatch<R> {
  readonly route: R
  /** Values of `:name` parts, decoded. */
  readonly parameters: Readonly<Record<string, string>>
}

/** Finds the route of a request. */
export interface RouteTable<R> {
  /**
   * The most specific route that fits: an exact host before a wildcard, a longer wildcard before a shorter; then part
   * by part of the path a word before a parameter before `*`.
   *
   * @param host  of the request, lower case, without port
   * @param target  path and query of the request
   * @throws MeshError `bad-message` for a path that can be read in two ways
   */
  find(host: string, target: string): RouteMatch<R> | undefined
}

/**
 * Put routes into order.
 *
 * @throws MeshError `bad-input` for two of the same host and path, and for a pattern that is none
 */
export function createRouteTable<R extends RoutePattern>(routes: readonly R[]): RouteTable<R> {
  const compiled = routes.map(compile)
  const seen = new Map<string, string>()
  for (const { route, key } of compiled) {
    const place = `${route.host}${route.path}`
    const other = seen.get(key)
    if (other !== undefined) {
      throw new MeshError('bad-input', `Cannot use routes: "${other}" and "${place}" fit the same requests`)
    }
    seen.set(key, place)
  }
  const byHost = new Map<string, Compiled<R>[]>()
  for (const one of compiled.sort(bySpecificity)) {
    const list = byHost.get(one.route.host) ?? []
    byHost.set(one.route.host, list)
    list.push(one)
  }
  return { find: (host, target) => find(byHost, host, parseRequestPath(target)) }
}

type Part =
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'parameter'; readonly name: string }

interface Compiled<R> {
  readonly route: R
  readonly parts: readonly Part[]
  readonly isOpen: boolean
  /** The same for two patterns that fit the same requests. */
  readonly key: string
}

function compile<R extends RoutePattern>(route: R): Compiled<R> {
  const { host, path } = route
  const bad = (why: string) => new MeshError('bad-input', `Cannot use route "${host}${path}": ${why}`)
  if (!path.startsWith('/')) throw bad('its path must begin with a slash')
  const words = path.split('/').filter(word => word !== '')
  const isOpen = words.at(-1) === '*'
  if (isOpen) words.pop()
  const parts = words.map((word): Part => {
    if (word.includes('*')) throw bad('a "*" must be the last part of the path, alone')
    if (!word.startsWith(':')) return { kind: 'word', word: decodeWord(word, bad) }
    if (!/^:[A-Za-z_]\w*$/.test(word)) throw bad(`"${word}" is no name of a parameter`)
    return { kind: 'parameter', name: word.slice(1) }
  })
  const key = JSON.stringify([host, isOpen, ...parts.map(part => (part.kind === 'word' ? part.word : null))])
  return { route, parts, isOpen, key }
}

function decodeWord(word: string, bad: (why: string) => MeshError): string {
  try {
    return decodeURIComponent(word)
  } catch {
    throw bad(`"${word}" is not percent-encoded UTF-8`)
  }
}

function bySpecificity<R>(a: Compiled<R>, b: Compiled<R>): number {
  for (let i = 0; i < Math.max(a.parts.length, b.parts.length) + 1; i += 1) {
    const difference = weigh(b, i) - weigh(a, i)
    if (difference !== 0) return difference
  }
  return 0
}

function weigh<R>({ parts, isOpen }: Compiled<R>, index: number): number {
  const part = parts[index]
  if (part === undefined) return index === parts.length && isOpen ? 0 : 3
  return part.kind === 'word' ? 2 : 1
}

function find<R>(
  byHost: ReadonlyMap<string, readonly Compiled<R>[]>,
  host: string,
  path: RequestPath,
): RouteMatch<R> | undefined {
  for (const pattern of hostPatterns(host)) {
    const list = byHost.get(pattern)
    if (list === undefined) continue
    const found = findPath(list, path.segments)
    const other = path.split === undefined ? found : findPath(list, path.split)
    if (found?.route !== other?.route) {
      throw new MeshError(
        'bad-message',
        'Cannot read request: bad path: an encoded slash makes it two routes',
      )
    }
    if (found !== undefined) return found
  }
  return undefined
}

/** The keys a host may be found under, most specific first. */
function* hostPatterns(host: string): Generator<string> {
  yield host
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) yield `*${host.slice(dot)}`
  yield '*'
}

function findPath<R>(list: readonly Compiled<R>[], segments: readonly string[]): RouteMatch<R> | undefined {
  for (const { route, parts, isOpen } of list) {
    if (isOpen ? segments.length < parts.length : segments.length !== parts.length) continue
    const fits = parts.every((part, i) => part.kind === 'parameter' || part.word === segments[i])
    if (!fits) continue
    const named = parts.flatMap((part, i) =>
      part.kind === 'parameter' ? [[part.name, segments[i] ?? '']] : [],
    )
    return { route, parameters: Object.fromEntries(named) }
  }
  return undefined
}
