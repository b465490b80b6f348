import { readdir, readFile, readlink } from 'node:fs/promises'
import type { Socket } from 'node:net'

/** Whose program is at the other end of a connection on this computer. */
export interface ConnectionUser {
  /** Of the user who opened the connection. */
  readonly uid: number
  /** It is a socket of this very process: bytes it passes on for somebody else, maybe. */
  readonly isOwnProcess: boolean
}

/**
 * The user id of who opened a connection: undefined where nobody can tell (another system than Linux, another computer), `nobody`
 * where it could be told and was not, as the other side let go of its socket.
 */
export type ConnectionUid = number | 'nobody' | undefined

/** Tells who opened connections, and asks the system once for each. */
export function createConnectionUids(): (socket: Socket) => Promise<ConnectionUid> {
  const known = new WeakMap<Socket, Promise<ConnectionUid>>()
  return socket => {
    const before = known.get(socket)
    if (before !== undefined) return before
    const asked = readUid(socket)
    known.set(socket, asked)
    return asked
  }
}

async function readUid(socket: Socket): Promise<ConnectionUid> {
  const { found, isTold } = await lookUp(socket)
  return found?.uid ?? (isTold ? 'nobody' : undefined)
}

/**
 * Ask the system who opened a TCP connection that came over the loopback interface.
 *
 * @returns undefined where the system cannot tell: not Linux, another computer, or the connection is gone
 * @see proc_net_tcp.rst of the Linux kernel's documentation: addresses in hex, in the byte order of the machine
 */
export async function userOfConnection(socket: Socket): Promise<ConnectionUser | undefined> {
  const { found } = await lookUp(socket)
  return found && { uid: found.uid, isOwnProcess: await isOwnSocket(found.inode) }
}

/**
 * The row of a connection in the system's tables. They are read a page at a time while connections come and go, so that a row
 * can be passed over: one that is not there is looked for again.
 *
 * @returns `isTold`: the system has such tables, and the connection can be in them
 */
async function lookUp(socket: Socket): Promise<{ readonly found?: ConnectionRow; readonly isTold: boolean }> {
  const { remoteAddress = '', remotePort = 0, localPort = 0 } = socket
  if (process.platform !== 'linux' || !OVER_LOOPBACK.test(remoteAddress)) return { isTold: false }
  let isTold = false
  for (let look = 0; look < LOOKS && (look === 0 || !socket.destroyed); look++) {
    for (const table of TABLES) {
      const text = await readFile(table, 'latin1').catch(() => undefined)
      isTold ||= text !== undefined
      const found = findConnection(text ?? '', remotePort, localPort)
      if (found !== undefined) return { found, isTold }
    }
  }
  return { isTold }
}

/**
 * The row of an established connection between two ports of the loopback interface, as the one at `from` has it.
 *
 * @param table  text of `/proc/net/tcp` or `/proc/net/tcp6`
 * @returns undefined if there is none, or more than one
 */
export function findConnection(table: string, from: number, to: number): ConnectionRow | undefined {
  const port = `:${from.toString(16).toUpperCase().padStart(4, '0')} `
  const rows = table.split('\n').flatMap(line => {
    // Nearly all the rows of a busy computer are somebody else's: they are not taken apart.
    if (!line.includes(port)) return []
    const [, local = '', remote = '', state, , , , uid = '', , inode = ''] = line.trim().split(/\s+/)
    const isLoopback = [local, remote].every(place => LOOPBACK.test(place))
    const isIt = state === ESTABLISHED && portOf(local) === from && portOf(remote) === to && isLoopback
    // Sockets that no file leads to any more have inode 0 and uid 0: they prove nothing.
    return isIt && /^\d+$/.test(uid) && inode !== '0'
      ? [{ uid: Number(uid), inode, ends: local + remote }]
      : []
  })
  // A table that changes while it is read can show one row twice.
  const isOne = rows.every(({ ends, inode }) => ends === rows[0]?.ends && inode === rows[0].inode)
  return isOne && rows[0] !== undefined ? { uid: rows[0].uid, inode: rows[0].inode } : undefined
}

function portOf(place: string): number {
  return Number.parseInt(place.slice(place.indexOf(':') + 1), 16)
}

async function isOwnSocket(inode: string): Promise<boolean> {
  const names = await readdir('/proc/self/fd').catch(() => undefined)
  // Where it cannot be told it is taken to be so: nobody is let in by a guess.
  if (names === undefined) return true
  const links = await Promise.all(names.map(name => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return links.includes(`socket:[${inode}]`)
}

/** What a row of the table says. */
interface ConnectionRow {
  readonly uid: number
  readonly inode: string
}

const LOOKS = 3
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const
const OVER_LOOPBACK = /^(?:::ffff:)?127\.|^::1$/
const ESTABLISHED = '01'
/** 127.0.0.0/8 or ::1, or the first in the spelling of the second, in either byte order. */
const LOOPBACK =
  /^(?:[0-9A-F]{6}7F|7F[0-9A-F]{6}|0{24}01000000|0{31}1|0{16}(?:FFFF0000|0000FFFF)(?:[0-9A-F]{6}7F|7F[0-9A-F]{6})):/
