import type { Address } from '../../core/model/address.ts'
import { formatAddress } from '../../core/model/address.ts'

/**
 * A proxy auto-configuration file: everything by the proxy, but for names without a dot and this computer. What leaves directly
 * after all, the rules of the proxy decide; they are not told to browsers.
 */
export function formatPac(at: Address): string {
  const where = formatAddress(at)
  return [
    'function FindProxyForURL(url, host) {',
    "  if (isPlainHostName(host) || host === '127.0.0.1' || host === '::1' || dnsDomainIs(host, '.localhost'))",
    "    return 'DIRECT'",
    `  return 'SOCKS5 ${where}; PROXY ${where}'`,
    '}',
  ].join('\n')
}
