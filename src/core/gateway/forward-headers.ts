/** What is known of the connection that a request came on. */
export interface RequestOrigin {
  /** IP addresses: the client's, then those of trusted proxies between it and the gateway; none where nothing is known. */
  readonly chain: readonly string[]
  readonly protocol: 'http' | 'https'
  readonly host: string
  readonly httpVersion: string
}

/** Changes of headers that a route asks for. */
export interface HeaderChanges {
  readonly set: Readonly<Record<string, string>>
  /** Lower case. */
  readonly remove: ReadonlySet<string>
  /** Beside what there is of that name; of answers alone. */
  readonly append?: Readonly<Record<string, string>>
}

/**
 * Headers of a request as they go on to a service: without those of one connection, with those that tell who asked.
 *
 * @param raw  names and values in turn, as Node gives them
 * @param changes  applied last, and over what the client sent
 * @param isUpgrade  `connection` and `upgrade` are written by whoever sends the request
 * @returns names and values in turn
 * @see RFC 9110, section 7.6; RFC 7239
 */
export function forwardRequestHeaders(
  raw: readonly string[],
  origin: RequestOrigin,
  changes: HeaderChanges,
): string[] {
  const dropped = connectionHeaders(raw)
  const out: string[] = ['host', origin.host]
  const cookies: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    // To programs behind CGI and WSGI the two are one.
    const spelled = name.includes('_') ? name.replaceAll('_', '-') : name
    if (name.startsWith(':') || DROPPED_OF_REQUEST.has(spelled) || dropped.has(name)) continue
    if (changes.remove.has(name) || changes.remove.has(spelled)) continue
    if (Object.hasOwn(changes.set, name) || Object.hasOwn(changes.set, spelled)) continue
    // HTTP/2 may send cookies one by one, HTTP/1.1 may not (RFC 9113, section 8.2.3).
    if (name === 'cookie') cookies.push(raw[i + 1] ?? '')
    else out.push(name, raw[i + 1] ?? '')
  }
  if (cookies.length > 0) out.push('cookie', cookies.join('; '))
  const via = viaOf(raw)
  const { chain, protocol, host, httpVersion } = origin
  if (chain.length > 0) out.push('x-forwarded-for', chain.join(', '))
  out.push(
    'x-forwarded-proto',
    protocol,
    'x-forwarded-host',
    host,
    'forwarded',
    `for=${nodeName(chain[0] ?? 'unknown')};host=${quoted(host)};proto=${protocol}`,
    'via',
    via === undefined ? `${httpVersion} ztm` : `${via}, ${httpVersion} ztm`,
  )
  for (const [name, value] of Object.entries(changes.set)) out.push(name, value)
  return out
}

/**
 * Headers of an answer as they go to the client.
 *
 * @param headers  as undici gives them, names in lower case
 */
export function forwardResponseHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  changes: HeaderChanges,
): Record<string, string | string[]> {
  const { connection } = headers
  const dropped = connection === undefined ? NONE : namesIn([connection].flat())
  const out: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || DROPPED_OF_RESPONSE.has(name) || dropped.has(name) || changes.remove.has(name))
      continue
    out[name] = value
  }
  for (const [name, value] of Object.entries(changes.set)) out[name] = value
  for (const [name, value] of Object.entries(changes.append ?? {}))
    out[name] = out[name] === undefined ? value : [out[name], value].flat()
  return out
}

function connectionHeaders(raw: readonly string[]): ReadonlySet<string> {
  const values: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() === 'connection') values.push(raw[i + 1] ?? '')
  }
  return values.length === 0 ? NONE : namesIn(values)
}

function namesIn(values: readonly string[]): ReadonlySet<string> {
  return new Set(values.flatMap(value => value.split(',')).map(name => name.trim().toLowerCase()))
}

function viaOf(raw: readonly string[]): string | undefined {
  const values: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2)
    if (raw[i]?.toLowerCase() === 'via') values.push(raw[i + 1] ?? '')
  return values.length === 0 ? undefined : values.join(', ')
}

/** An address as `Forwarded` writes it: IPv6 in brackets and quotes (RFC 7239, section 6). */
function nodeName(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

function quoted(text: string): string {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(text)
    ? text
    : `"${text.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '')}"`
}

const NONE: ReadonlySet<string> = new Set()
/** Of one connection alone, RFC 9110 section 7.6.1, and what the gateway writes itself. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]
const DROPPED_OF_REQUEST: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'host',
  // Answered here: see docs/gateway.md.
  'expect',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
  'x-request-id',
  'forwarded',
  'via',
])
const DROPPED_OF_RESPONSE: ReadonlySet<string> = new Set(HOP_BY_HOP)
