import { utils } from 'capnp-es'
import { nameOf, structKind, writeData, writeStruct, writeText } from './struct-kind.ts'

/** What a server can do. */
export interface Capabilities {
  readonly tools: boolean
  readonly resources: boolean
  readonly prompts: boolean
  readonly logging: boolean
}

/** Who answers. */
export interface ServerInfo {
  readonly name: string
  readonly version: string
  readonly capabilities: Capabilities
}

/** Who calls. */
export interface ClientInfo {
  readonly name: string
  readonly version: string
}

/** A line for the server's log. */
export interface LogLine {
  readonly level: (typeof LEVELS)[number]
  readonly message: string
  readonly data: Uint8Array
}

const CAPABILITIES = structKind<Capabilities>('ServerInfo.Capabilities', {
  dataWords: 1,
  pointers: 0,
  read: from => ({
    tools: from.bool(0),
    resources: from.bool(1),
    prompts: from.bool(2),
    logging: from.bool(3),
  }),
  write(to, { tools, resources, prompts, logging }) {
    for (const [bit, value] of [tools, resources, prompts, logging].entries()) utils.setBit(bit, value, to)
  },
})

/** `ServerInfo`: 3 pointers. */
export const SERVER_INFO = structKind<ServerInfo>('ServerInfo', {
  dataWords: 0,
  pointers: 3,
  read: from => ({
    name: from.text(0),
    version: from.text(1),
    capabilities: CAPABILITIES.read(from.struct(2)),
  }),
  write(to, { name, version, capabilities }) {
    writeText(to, 0, name)
    writeText(to, 1, version)
    writeStruct(to, 2, CAPABILITIES, capabilities)
  },
})

/** `ClientInfo`: 2 pointers. */
export const CLIENT_INFO = structKind<ClientInfo>('ClientInfo', {
  dataWords: 0,
  pointers: 2,
  read: from => ({ name: from.text(0), version: from.text(1) }),
  write(to, { name, version }) {
    writeText(to, 0, name)
    writeText(to, 1, version)
  },
})

/** `LogLine`: 1 word, whose first 2 bytes are the level, and 2 pointers. */
export const LOG_LINE = structKind<LogLine>('LogLine', {
  dataWords: 1,
  pointers: 2,
  read: from => ({ level: nameOf(LEVELS, from.uint16(0)), message: from.text(0), data: from.data(1) }),
  write(to, { level, message, data }) {
    utils.setUint16(0, LEVELS.indexOf(level), to)
    writeText(to, 0, message)
    writeData(to, 1, data)
  },
})

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
