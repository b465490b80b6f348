// The head of a request to an HTTP proxy: RFC 9110, section 9.3.6 (CONNECT), and RFC 9112, section 3.2.2 (absolute form).

/** What a client wants of a proxy. */
export type ProxyHead =
  /** A tunnel to an address. */
  | (HeadFields & { readonly kind: 'connect'; readonly host: string; readonly port: number })
  /** One request passed on. */
  | (HeadFields & {
      readonly kind: 'forward'
      readonly host: string
      readonly port: number
      /** The head to send on: origin form, without what was for the proxy, and an end of the connection after the answer. */
      readonly head: string
      /** How much of a body follows: that many bytes, or what comes until its own end. */
      readonly body: number | 'chunked' | 'upgrade'
    })
  /** A request to the proxy itself. */
  | (HeadFields & { readonly kind: 'own'; readonly path: string })

interface HeadFields {
  readonly method: string
  /** `name:password` of Basic credentials, if some were shown. */
  readonly credentials: string | undefined
}

/** What is made of the bytes that came so far. */
export type ProxyHeadResult =
  | { readonly state: 'more' }
  /** `status` is what the client is to be told. */
  | { readonly state: 'bad'; readonly status: 400 | 431 | 501; readonly why: string }
  | { readonly state: 'done'; readonly head: ProxyHead; readonly byteCount: number }

/**
 * Read the head of a request.
 *
 * What two readers could take for two different requests is refused: two lengths, a length and chunks, folded lines,
 * spaces before a colon, a bare carriage return.
 *
 * @param bytes  all that came of the connection so far
 */
export function readProxyHead(bytes: Uint8Array): ProxyHeadResult {
  const end = findEnd(bytes)
  if (end === undefined) {
    if (bytes.length < MAX_PROXY_HEAD_BYTES) return { state: 'more' }
    return { state: 'bad', status: 431, why: `its head is over ${MAX_PROXY_HEAD_BYTES} bytes` }
  }
  const text = latin1(bytes.subarray(0, end - 4))
  const [line = '', ...rest] = text.split('\r\n')
  const request = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S{1,8192}) HTTP\/1\.([01])$/.exec(line)
  if (request === null || /[^\x20-\x7e\x80-\xff\t]/.test(rest.join('')))
    return bad('its first line is none of HTTP/1.1')
  const headers: [string, string][] = []
  for (const one of rest) {
    const colon = one.indexOf(':')
    const name = one.slice(0, Math.max(0, colon))
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return bad('a line of its head is none')
    headers.push([name, withoutBlanks(one, colon + 1)])
  }
  if (headers.length > MAX_PROXY_HEADERS) {
    return { state: 'bad', status: 431, why: `it has over ${MAX_PROXY_HEADERS} header lines` }
  }
  const [, method = '', target = ''] = request
  const made = makeHead(method, target, headers)
  return 'why' in made ? made : { state: 'done', head: made, byteCount: end }
}

/** From there on, without spaces and tabs at its ends. A regular expression would take seconds for a line of spaces. */
function withoutBlanks(line: string, from: number): string {
  const isBlank = (at: number) => line[at] === ' ' || line[at] === '\t'
  let [start, end] = [from, line.length]
  while (start < end && isBlank(start)) start++
  while (end > start && isBlank(end - 1)) end--
  return line.slice(start, end)
}

type Bad = Extract<ProxyHeadResult, { state: 'bad' }>

function makeHead(method: string, target: string, headers: [string, string][]): ProxyHead | Bad {
  const credentials = readCredentials(headers)
  if (method === 'CONNECT') {
    const address = readAuthority(target)
    return address === undefined
      ? bad('CONNECT wants HOST:PORT')
      : { kind: 'connect', method, credentials, ...address }
  }
  if (target.startsWith('/')) return { kind: 'own', method, credentials, path: target }
  const [, scheme = '', authority = '', path = ''] =
    /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)$/.exec(target) ?? []
  if (scheme.toLowerCase() !== 'http') {
    return { state: 'bad', status: 501, why: 'only http:// can be passed on; a tunnel takes the rest' }
  }
  const address = readAuthority(authority, 80)
  if (address === undefined) return bad('its address is none')
  const body = readBody(headers)
  if (typeof body === 'object') return body
  const origin = path.startsWith('/') ? path : `/${path}`
  const head = formatHead(`${method} ${origin} HTTP/1.1`, authority, headers, body === 'upgrade')
  return { kind: 'forward', method, credentials, ...address, head, body }
}

function formatHead(
  line: string,
  authority: string,
  headers: [string, string][],
  isUpgrade: boolean,
): string {
  const named = headers
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map(word => word.trim().toLowerCase()))
  const dropped = new Set([...HOP_BY_HOP, ...named.filter(name => name !== 'upgrade'), 'host'])
  const kept = headers.filter(([name]) => {
    const low = name.toLowerCase()
    return !dropped.has(low) && (isUpgrade || low !== 'upgrade')
  })
  const connection = isUpgrade ? 'Upgrade' : 'close'
  const all = [['Host', authority], ...kept, ['Connection', connection]]
  return `${[line, ...all.map(([name, value]) => `${name}: ${value}`)].join('\r\n')}\r\n\r\n`
}

/** How much follows the head. A request that is an upgrade is a tunnel from there on. */
function readBody(headers: [string, string][]): number | 'chunked' | 'upgrade' | Bad {
  const all = (wanted: string) =>
    headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
  const [lengths, codings] = [all('content-length'), all('transfer-encoding')]
  if (lengths.length + codings.length > 1) return bad('it has more than one length')
  const [length, coding] = [lengths[0], codings[0]]
  if (coding !== undefined)
    return coding.toLowerCase() === 'chunked' ? 'chunked' : bad('its coding is not chunked')
  if (length !== undefined) {
    return /^\d{1,15}$/.test(length) ? Number(length) : bad('its length is no number')
  }
  return all('upgrade').length > 0 ? 'upgrade' : 0
}

function readCredentials(headers: [string, string][]): string | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === 'proxy-authorization')?.[1]
  const [, base64] = /^basic +([A-Za-z0-9+/]{1,2048}={0,2})$/i.exec(value ?? '') ?? []
  return base64 === undefined ? undefined : decodeBase64(base64)
}

/** `host:port`; with a default port, `host` alone too. What a user might be told of in front of an @ is refused. */
function readAuthority(text: string, defaultPort?: number): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([^\s:@[\]/\\]{1,253}))(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const port = match[3] === undefined ? defaultPort : Number(match[3])
  const host = match[1] ?? match[2] ?? ''
  if (port === undefined || port < 1 || port > 65_535) return undefined
  return match[1] !== undefined || /^[\p{L}\p{M}\p{N}._-]+$/u.test(host) ? { host, port } : undefined
}

function findEnd(bytes: Uint8Array): number | undefined {
  const last = Math.min(bytes.length, MAX_PROXY_HEAD_BYTES)
  for (let at = 3; at < last; at++) {
    if (bytes[at] === 10 && bytes[at - 1] === 13 && bytes[at - 2] === 10 && bytes[at - 3] === 13)
      return at + 1
  }
  return undefined
}

function latin1(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function decodeBase64(text: string): string | undefined {
  const bytes: number[] = []
  let bits = 0
  let bitCount = 0
  for (const letter of text.replace(/=+$/, '')) {
    bits = (bits << 6) | BASE64.indexOf(letter)
    bitCount += 6
    if (bitCount < 8) continue
    bitCount -= 8
    bytes.push((bits >> bitCount) & 0xff)
    bits &= (1 << bitCount) - 1
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes))
  } catch {
    return undefined
  }
}

function bad(why: string): Bad {
  return { state: 'bad', status: 400, why }
}

/** The longest head of a request. */
export const MAX_PROXY_HEAD_BYTES = 32_768
/** Header lines of a request. */
export const MAX_PROXY_HEADERS = 128

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** RFC 9110, section 7.6.1. */
const HOP_BY_HOP = [
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authorization',
  'proxy-authenticate',
  'te',
  'trailer',
]
