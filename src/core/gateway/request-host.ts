import { MeshError } from '../model/errors.ts'

/** Where a request wants to go. */
export interface RequestPlace {
  /** As it was asked for, with its port, lower case. */
  readonly authority: string
  /** Without port. */
  readonly host: string
  /** Path and query. */
  readonly target: string
}

/**
 * Read where a request goes from its target and its `Host`.
 *
 * @param hosts  every `Host` header, or the one `:authority`
 * @param target  `/path?query`, or a whole URL, whose host then counts (RFC 9112, section 3.2.2)
 * @throws MeshError `bad-message` without a host, with several, or with one that is none
 */
export function readRequestPlace(hosts: readonly string[], target: string): RequestPlace {
  if (hosts.length !== 1) throw new MeshError('bad-message', 'Cannot read request: it needs one Host')
  const [, absolute, rest] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target) ?? []
  const authority = (absolute ?? hosts[0] ?? '').toLowerCase()
  const [, host] = AUTHORITY.exec(authority) ?? []
  if (host === undefined) throw new MeshError('bad-message', 'Cannot read request: its Host is none')
  const path = rest === undefined ? target : rest.startsWith('/') ? rest : `/${rest}`
  return { authority, host: host.replace(/\.$/, ''), target: path }
}

/**
 * Every `Host` of a request, or the one `:authority` of HTTP/2 (RFC 9113, section 8.3.1).
 *
 * @param rawHeaders  names and values in turn
 */
export function hostsOf(rawHeaders: readonly string[]): string[] {
  const found: string[] = []
  let authority: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (name.length === 4 && name.toLowerCase() === 'host') found.push(rawHeaders[i + 1] ?? '')
    else if (name === ':authority') authority = rawHeaders[i + 1]
  }
  return authority === undefined ? found : [authority, ...found.filter(host => host !== authority)]
}

const AUTHORITY = /^([a-z0-9_](?:[a-z0-9._-]{0,253})|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/
