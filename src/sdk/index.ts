/**
 * The public face of the SDK: `import { createContext } from 'ztm/sdk'`.
 *
 * @module
 */
export type { Connector } from './adapters/connector.ts'
export type { AgentFor, HttpAgentOptions } from './adapters/http-agents.ts'
export type { ServiceServer } from './adapters/serve.ts'
export type { Connection, PeerIdentity } from './connection.ts'
export type { Context, DialOptions, ListenOptions, SessionInfo } from './context.ts'
export type { ContextEvents, ServiceEntry } from './context-events.ts'
export type { ContextMode, ContextOptions } from './context-options.ts'
export { createContext } from './create-context.ts'
export type { CredentialOptions } from './credentials.ts'
export { type Datagrams, openDatagrams } from './datagrams.ts'
export type { Listener } from './listener.ts'
export type { EventOf, TypedEvents } from './typed-events.ts'
export { zap } from './zap/zap.ts'
export type { CallOptions, ZapClient } from './zap/zap-client.ts'
export type { ZapConnection } from './zap/zap-connection.ts'
export type { ZapCodec, ZapMethod } from './zap/zap-method.ts'
export { ZtmError, type ZtmErrorDetails, type ZtmErrorReason } from './ztm-error.ts'
