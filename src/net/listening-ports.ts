import { readdir, readFile, readlink } from 'node:fs/promises'
import { endianness } from 'node:os'
import { basename } from 'node:path'
import { MeshError } from '../core/model/errors.ts'
import type { ListeningPort } from '../core/model/listening-port.ts'

/**
 * List the TCP ports that programs listen at on this computer, lowest first, at most `MAX_LISTENING_PORTS`.
 *
 * @throws MeshError `unsupported` where the system does not tell without a program of its own: not Linux
 * @see proc_net_tcp.rst of the Linux kernel's documentation: addresses in hex, in the byte order of the machine
 */
export async function listListeningPorts(): Promise<ListeningPort[]> {
  if (process.platform !== 'linux') {
    throw new MeshError(
      'unsupported',
      `Cannot list ports: ${process.platform} does not tell which are open: type the port`,
    )
  }
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map(path => readFile(path, 'latin1').catch(() => '')),
  )
  const rows = tables.flatMap(readListening).sort((a, b) => a.port - b.port)
  const found = [...new Map(rows.map(row => [`${row.ip} ${row.port}`, row])).values()]
  const shown = found.slice(0, MAX_LISTENING_PORTS)
  const names = await processesOf(new Set(shown.map(({ inode }) => inode)))
  return shown.map(({ ip, port, inode }) => {
    const process = names.get(inode)
    return { ip, port, ...(process !== undefined && { process }) }
  })
}

/** The listening sockets in the text of `/proc/net/tcp` or `/proc/net/tcp6`. What is no row of it is passed over. */
export function readListening(
  table: string,
): { readonly ip: string; readonly port: number; readonly inode: string }[] {
  return table.split('\n').flatMap(line => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    const [, address = '', port = ''] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local) ?? []
    if (state !== LISTEN || port === '' || !/^\d+$/.test(inode)) return []
    return [{ ip: formatHexAddress(address), port: Number.parseInt(port, 16), inode }]
  })
}

/** Words of 32 bits in the byte order of the machine, as an address is written. */
function formatHexAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  if (endianness() === 'LE') bytes.swap32()
  if (bytes.length === 4) return bytes.join('.')
  const isMapped = bytes.subarray(0, 10).every(byte => byte === 0) && bytes.readUInt16BE(10) === 0xffff
  if (isMapped) return bytes.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  // As a URL writes it: the longest run of zeros is left out.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/** The names of the programs that hold sockets. Only those of this user can be seen; root sees all. */
async function processesOf(inodes: ReadonlySet<string>): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  const ids = (await readdir('/proc').catch(() => [])).filter(name => /^\d+$/.test(name))
  for (const id of ids.slice(0, MAX_SCANNED_PROCESSES)) {
    // No more than one at a time: a computer has thousands of open files.
    const files = await readdir(`/proc/${id}/fd`).catch(() => [])
    const links = await Promise.all(files.map(file => readlink(`/proc/${id}/fd/${file}`).catch(() => '')))
    const held = links.flatMap(link => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? [])
    const wanted = held.filter(inode => inodes.has(inode) && !names.has(inode))
    if (wanted.length === 0) continue
    const name = await processName(id)
    if (name === undefined) continue
    for (const inode of wanted) names.set(inode, name)
    if (names.size === inodes.size) break
  }
  return names
}

async function processName(id: string): Promise<string | undefined> {
  const own = (await readFile(`/proc/${id}/comm`, 'utf8').catch(() => '')).trim()
  // Node calls its main thread so; the file it runs says more.
  if (own !== '' && !/^(?:node-)?MainThread$/.test(own)) return own
  const path = await readlink(`/proc/${id}/exe`).catch(() => '')
  return basename(path) || own || undefined
}

const LISTEN = '0A'
/** More than a computer for people has; an answer stays small. */
export const MAX_LISTENING_PORTS = 1_000
/** Processes that are looked at for the names of programs. */
export const MAX_SCANNED_PROCESSES = 4_096
