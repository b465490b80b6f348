import { MAX_PROXY_HEAD_BYTES, type ProxyHead, readProxyHead } from '../../core/codec/proxy-head.ts'
import { type ErrorCode, MeshError, toMeshError } from '../../core/model/errors.ts'
import type { TcpConnection } from '../../sdk/app.ts'
import type { IntakeContext, Outside } from './intake-context.ts'
import { joinOutside, outsideStream } from './join-outside.ts'
import { readHead } from './read-head.ts'

/**
 * Serve a client that speaks HTTP/1: tunnels by CONNECT, requests in absolute form (one a connection), and the proxy's own
 * page that tells browsers how to use it.
 *
 * @param heard  called when the client has said what it wants
 * @throws MeshError why it could not be served; the client was told
 * @see RFC 9110, section 9.3.6; RFC 9112, section 3.2.2
 */
export async function receiveHttp(
  connection: TcpConnection,
  context: IntakeContext,
  heard: () => void,
): Promise<void> {
  const result = await readHead(connection, readProxyHead, MAX_PROXY_HEAD_BYTES)
  heard()
  if (result.state === 'bad') {
    answer(connection, result.status, `Cannot serve request: ${result.why}`)
    throw new MeshError('bad-message', `Cannot serve client: not a request to a proxy: ${result.why}`)
  }
  const { head } = result
  if (head.kind === 'own') {
    serveOwn(connection, context, head)
    breakLater(connection, context)
    return
  }
  const client = await logIn(connection, context, head)
  let outside: Outside
  try {
    outside = await context.open({ host: head.host, port: head.port, client })
  } catch (thrown) {
    const error = toMeshError(thrown)
    answer(connection, STATUSES[error.code] ?? 502, error.message)
    throw error
  }
  if (head.kind === 'connect') {
    connection.write('HTTP/1.1 200 Connection established\r\n\r\n')
    joinOutside(connection, outside)
  } else {
    outsideStream(outside).write(Buffer.from(head.head, 'latin1'))
    if (typeof head.body === 'number') {
      passRequest(connection, outside, head.body)
      outsideStream(outside).once('end', () => breakLater(connection, context))
    } else joinOutside(connection, outside)
  }
}

/** Break a connection that has its answer: whoever held on to it would have it for ever, also without a login. */
function breakLater(connection: TcpConnection, { host, limits }: IntakeContext): void {
  const finished = () => {
    const cancel = host.after(limits.helloTimeoutMs, () => connection.reset())
    connection.once('close', cancel)
  }
  // Whoever reads slowly gets it all the same.
  if (connection.writableFinished) finished()
  else connection.once('finish', finished)
}

/** Pass so many bytes of a body on, and the whole answer back. What else the client sends is another's: it is dropped. */
function passRequest(connection: TcpConnection, outside: Outside, bodyBytes: number): void {
  const stream = outsideStream(outside)
  let left = bodyBytes
  connection.on('data', (chunk: Uint8Array) => {
    const part = chunk.subarray(0, left)
    left -= part.length
    if (part.length === 0 || stream.destroyed || stream.write(part)) return
    connection.pause()
    stream.once('drain', () => connection.resume())
  })
  stream.on('error', () => {})
  stream.once('close', () => {
    if (!stream.readableEnded) connection.reset()
  })
  connection.once('close', () => stream.destroyed || stream.destroy())
  stream.pipe(connection)
}

async function logIn(
  connection: TcpConnection,
  { clients }: IntakeContext,
  { credentials }: ProxyHead,
): Promise<string | undefined> {
  if (clients.isOpenToAll) return undefined
  const [, name, password] = /^([^:]*):(.*)$/s.exec(credentials ?? '') ?? []
  if (name !== undefined && password !== undefined && (await clients.check(name, password))) return name
  answer(connection, 407, 'Log in with the name and password of this proxy', [
    'Proxy-Authenticate: Basic realm="ztm", charset="UTF-8"',
  ])
  throw new MeshError(
    'denied',
    `Cannot serve client: ${credentials === undefined ? 'no' : 'wrong'} name or password`,
  )
}

function serveOwn(
  connection: TcpConnection,
  { pac }: IntakeContext,
  { method, path }: ProxyHead & { kind: 'own' },
): void {
  if (method === 'GET' && path.split('?', 1)[0] === '/proxy.pac') {
    answer(connection, 200, pac(), [
      'Content-Type: application/x-ns-proxy-autoconfig',
      'Cache-Control: no-cache',
    ])
  } else {
    answer(connection, 404, 'This is a proxy (SOCKS 5 and HTTP). How browsers are to use it says /proxy.pac')
  }
}

function answer(
  connection: TcpConnection,
  status: number,
  text: string,
  headers: readonly string[] = [],
): void {
  if (connection.destroyed) return
  const body = Buffer.from(`${text}\n`)
  const type = headers.some(line => line.startsWith('Content-Type'))
    ? []
    : ['Content-Type: text/plain; charset=utf-8']
  const lines = [`HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}`, ...type, ...headers]
  lines.push(`Content-Length: ${body.length}`, 'Connection: close', '', '')
  connection.write(lines.join('\r\n'))
  connection.end(body)
  connection.resume()
}

const STATUSES: Partial<Record<ErrorCode, number>> = {
  denied: 403,
  'timed-out': 504,
  offline: 503,
  'not-found': 503,
  'too-many': 503,
}
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  407: 'Proxy Authentication Required',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}
