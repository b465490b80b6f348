import { type Address, parseAddress } from './address.ts'
import { MeshError } from './errors.ts'
import { quote } from './quote.ts'

/**
 * Read where a program would connect to: a URL, or `HOST:PORT`.
 *
 * @throws MeshError `bad-input` if it is neither, or a URL of a kind whose port is not known
 */
export function parseConnectionTarget(typed: string): Address {
  if (!typed.includes('://')) return parseAddress(typed)
  try {
    const { hostname, port, protocol } = new URL(typed)
    const known = PORTS[protocol]
    const chosen = port === '' ? known : Number(port)
    if (hostname !== '' && chosen !== undefined)
      return { host: hostname.replace(/^\[|\]$/g, ''), port: chosen }
  } catch {}
  throw new MeshError('bad-input', `Cannot read target ${quote(typed)}: write a URL or HOST:PORT`)
}

const PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'ws:': 80,
  'wss:': 443,
  'ftp:': 21,
  'ssh:': 22,
}
