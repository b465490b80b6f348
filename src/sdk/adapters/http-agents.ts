import type { AgentOptions, Agent as HttpAgent } from 'node:http'
import type { Agent as HttpsAgent, AgentOptions as HttpsAgentOptions } from 'node:https'
import { createStreamAgent, createTlsStreamAgent } from '../../net/stream-agents.ts'
import { type Dialler, serviceOfHost } from './dialler.ts'

/** What an agent is to be; beside it, what agents of Node take. */
export type HttpAgentOptions =
  | ({ readonly tls?: false; readonly service?: string } & AgentOptions)
  | ({ readonly tls: true; readonly service?: string } & HttpsAgentOptions)

/** An agent of `node:http`, or of `node:https` for options with `tls: true`. */
export type AgentFor<O extends HttpAgentOptions> = O extends { readonly tls: true } ? HttpsAgent : HttpAgent

/**
 * Make an agent whose connections go to services. A URL's host is the service's name, with `.ztm` behind it or not;
 * `service` sends everything to one service, whatever the URL says.
 */
export function createHttpAgent<O extends HttpAgentOptions>(dialler: Dialler, options: O): AgentFor<O> {
  const { service, tls, ...rest } = options
  const open = (host: string) => dialler.connect(service ?? serviceOfHost(host), { endsTogether: true })
  const agent = tls === true ? createTlsStreamAgent(open, rest) : createStreamAgent(open, rest)
  return agent as AgentFor<O>
}
