import { formatTarget, parseAddress, type Target } from '../model/address.ts'
import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'

/** A target of HTTP as it is written. */
export interface HttpTargetName {
  readonly to: Target
  readonly isTls: boolean
  readonly isHttp2: boolean
}

/**
 * Read a target: `http://HOST:PORT`, `https://…`, `h2c://…` (HTTP/2 in the clear), `h2://…` (HTTP/2 in TLS), or
 * `unix:/PATH` (HTTP/1.1 in the clear). `HOST:PORT` and `PORT` alone are HTTP, at this computer without a host.
 *
 * @throws MeshError `bad-input`
 */
export function parseHttpTarget(text: string): HttpTargetName {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    if (!/^\/[^\p{Cc}]{1,106}$/u.test(path)) throw refuse(text)
    return { to: { kind: 'unix', path }, isTls: false, isHttp2: false }
  }
  const [, scheme = 'http', rest = ''] = /^(?:([a-z0-9]+):\/\/)?([^/?#@\s]+)\/?$/.exec(text) ?? []
  const port = PORTS[scheme]
  if (port === undefined || rest === '') throw refuse(text)
  const hasScheme = text.includes('://')
  const address = hasScheme && !/:\d+$/.test(rest) ? `${rest}:${port}` : rest
  try {
    const { host, port: wanted } = parseAddress(address)
    if (wanted === 0 || host === '*') throw refuse(text)
    const isTls = scheme === 'https' || scheme === 'h2'
    return { to: { kind: 'address', host, port: wanted }, isTls, isHttp2: scheme.startsWith('h2') }
  } catch {
    throw refuse(text)
  }
}

/** A target as it is written; two that are one are written alike. */
export function formatHttpTarget({ to, isTls, isHttp2 }: HttpTargetName): string {
  if (to.kind === 'unix') return `unix:${to.path}`
  const scheme = isHttp2 ? (isTls ? 'h2' : 'h2c') : isTls ? 'https' : 'http'
  return `${scheme}://${formatTarget(to)}`
}

function refuse(text: string): MeshError {
  return new MeshError(
    'bad-input',
    `Cannot read target ${quote(text)}: write http://HOST:PORT, https://…, h2c://…, h2://… or unix:/PATH, without a path behind`,
  )
}

const PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, h2c: 80, h2: 443 }
