import type { InboundInfo, OutboundInfo } from '../../apps/tunnel/messages.ts'
import { formatCommand } from '../parts/command-words.ts'

/** An end of a tunnel, and where it is. */
export type EndPlace = {
  readonly mesh: string
  readonly endpoint: { readonly id: string; readonly name: string; readonly isLocal: boolean }
} & (
  | { readonly kind: 'inbound'; readonly end: InboundInfo }
  | { readonly kind: 'outbound'; readonly end: OutboundInfo }
)

/** `tcp/NAME` */
export function nameOf({
  protocol,
  name,
}: {
  readonly protocol: 'tcp' | 'udp'
  readonly name: string
}): string {
  return `${protocol}/${name}`
}

/** The command that does something with an end: `ztm ep office tunnel close inbound tcp/web`. */
export function formatEndCommand(
  { endpoint, kind, end }: EndPlace,
  verb: string,
  ...words: string[]
): string {
  const where = endpoint.isLocal ? [] : ['ep', endpoint.name]
  return formatCommand('ztm', ...where, 'tunnel', verb, kind, nameOf(end), ...words)
}
