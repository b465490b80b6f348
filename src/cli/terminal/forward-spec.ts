import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'

/** A port here that leads to one there. */
export interface ForwardSpec {
  readonly listen: { readonly host: string; readonly port: number }
  readonly to: { readonly host: string; readonly port: number }
}

/**
 * `[BIND:]PORT:HOST:HOSTPORT`, as ssh has it; IPv6 addresses in brackets. BIND is 127.0.0.1 if left out, `*` is every address;
 * PORT 0 is a free one.
 *
 * @throws MeshError `bad-usage`
 */
export function parseForward(text: string): ForwardSpec {
  const parts = text.match(/\[[0-9a-fA-F:.%]+\]|[^:]+|(?<=:)(?=:)|^(?=:)/g) ?? []
  const [bind, port, host, hostPort, more] = parts.length === 3 ? ['127.0.0.1', ...parts] : parts
  const from = toPort(port, 0)
  const to = toPort(hostPort, 1)
  if (
    !bind ||
    !host ||
    from === undefined ||
    to === undefined ||
    more !== undefined ||
    parts.join(':') !== text
  ) {
    throw new MeshError(
      'bad-usage',
      `Cannot forward ${quote(text)}: it is not [BIND:]PORT:HOST:HOSTPORT: write \`-L 8080:localhost:80\``,
    )
  }
  return {
    listen: { host: withoutBrackets(bind), port: from },
    to: { host: withoutBrackets(host), port: to },
  }
}

function toPort(text: string | undefined, least: number): number | undefined {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined
  const port = Number(text)
  return port >= least && port <= 65_535 ? port : undefined
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host
}
