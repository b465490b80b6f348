import {
  encodeSocksMethod,
  encodeSocksPasswordAnswer,
  encodeSocksReply,
  MAX_SOCKS_MESSAGE_BYTES,
  readSocksGreeting,
  readSocksPassword,
  readSocksRequest,
  SOCKS_METHODS,
  type SocksReply,
  type SocksResult,
} from '../../core/codec/socks.ts'
import { type ErrorCode, MeshError, toMeshError } from '../../core/model/errors.ts'
import type { TcpConnection } from '../../sdk/app.ts'
import type { IntakeContext } from './intake-context.ts'
import { joinOutside } from './join-outside.ts'
import { readHead } from './read-head.ts'
import { associate } from './udp-association.ts'

/**
 * Serve a client that speaks SOCKS 5: CONNECT and UDP ASSOCIATE, without login or with name and password.
 *
 * @param heard  called when the client has said what it wants
 * @throws MeshError why it could not be served; the client was told what the protocol has a word for
 * @see RFC 1928, RFC 1929
 */
export async function receiveSocks(
  connection: TcpConnection,
  context: IntakeContext,
  heard: () => void,
): Promise<void> {
  const client = await logIn(connection, context)
  const { command, host, port } = await readMessage(connection, readSocksRequest)
  heard()
  if (command === 'udp-associate') {
    await associate(connection, context, client)
    return
  }
  try {
    if (command === 'bind')
      throw new MeshError('unsupported', 'Cannot serve SOCKS BIND: only CONNECT and UDP ASSOCIATE')
    const outside = await context.open({ host, port, client })
    connection.write(SUCCEEDED)
    joinOutside(connection, outside)
  } catch (thrown) {
    const error = toMeshError(thrown)
    connection.end(encodeSocksReply(command === 'bind' ? 'command-not-supported' : replyFor(error.code)))
    throw error
  }
}

/** @returns the name that the client gave, if it was asked for one */
async function logIn(connection: TcpConnection, { clients }: IntakeContext): Promise<string | undefined> {
  const methods = await readMessage(connection, readSocksGreeting)
  const wanted = clients.isOpenToAll ? 'none' : 'password'
  if (!methods.includes(SOCKS_METHODS[wanted])) {
    connection.end(encodeSocksMethod('unacceptable'))
    throw new MeshError('denied', 'Cannot serve client: it does not log in with name and password')
  }
  connection.write(encodeSocksMethod(wanted))
  if (wanted === 'none') return undefined
  const { name, password } = await readMessage(connection, readSocksPassword)
  if (await clients.check(name, password)) {
    connection.write(encodeSocksPasswordAnswer(true))
    return name
  }
  connection.end(encodeSocksPasswordAnswer(false))
  throw new MeshError('denied', 'Cannot serve client: wrong name or password')
}

async function readMessage<T>(
  connection: TcpConnection,
  read: (bytes: Uint8Array) => SocksResult<T>,
): Promise<T> {
  const result = await readHead(connection, read, MAX_SOCKS_MESSAGE_BYTES)
  if (result.state === 'done') return result.value
  throw new MeshError('bad-message', `Cannot serve client: not SOCKS 5: ${result.why}`)
}

/** What SOCKS calls a failure. */
export function replyFor(code: ErrorCode): SocksReply {
  return REPLIES[code] ?? 'general-failure'
}

const SUCCEEDED = encodeSocksReply('succeeded')
const REPLIES: Partial<Record<ErrorCode, SocksReply>> = {
  denied: 'not-allowed',
  'target-refused': 'refused',
  unreachable: 'host-unreachable',
  'timed-out': 'ttl-expired',
  offline: 'network-unreachable',
  'not-found': 'network-unreachable',
  unsupported: 'command-not-supported',
  'bad-input': 'address-not-supported',
}
