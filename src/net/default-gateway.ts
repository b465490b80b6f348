import { readFile } from 'node:fs/promises'

/**
 * The IPv4 address of the router of this computer.
 *
 * @returns undefined where there is none, or the system does not tell in a file: it does on Linux
 */
export async function defaultGateway(): Promise<string | undefined> {
  const table = await readFile('/proc/net/route', 'utf8').catch(() => '')
  return readRouteTable(table)
}

/**
 * The gateway of the default route in `/proc/net/route`: columns are interface, destination, gateway, flags …; addresses
 * are 8 hex digits in the byte order of the processor, which is little-endian wherever Node runs on Linux but for s390x.
 */
export function readRouteTable(table: string): string | undefined {
  for (const line of table.split('\n').slice(1)) {
    const [, destination, gateway = ''] = line.split('\t')
    if (destination !== '00000000' || !/^[0-9A-F]{8}$/.test(gateway) || gateway === '00000000') continue
    return gateway
      .match(/../g)
      ?.reverse()
      .map(byte => Number.parseInt(byte, 16))
      .join('.')
  }
  return undefined
}
