import { METADATA, type Metadata, writeMetadata } from './metadata-structs.ts'
import { listKind, structKind, writeData, writeText } from './struct-kind.ts'

/** Something that can be called. */
export interface Tool {
  readonly name: string
  readonly description: string
  /** A JSON Schema of its arguments, UTF-8. */
  readonly schema: Uint8Array
  readonly annotations: Metadata
}

/** A call of a tool. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  /** JSON, UTF-8. */
  readonly args: Uint8Array
  readonly metadata: Metadata
}

/** What a tool answered. */
export interface ToolResult {
  readonly id: string
  readonly content: Uint8Array
  /** Empty: it went well. */
  readonly error: string
  readonly metadata: Metadata
}

/** `Tool`: 4 pointers. */
export const TOOL = structKind<Tool>('Tool', {
  dataWords: 0,
  pointers: 4,
  read: from => ({
    name: from.text(0),
    description: from.text(1),
    schema: from.data(2),
    annotations: METADATA.read(from.struct(3)),
  }),
  write(to, { name, description, schema, annotations }) {
    writeText(to, 0, name)
    writeText(to, 1, description)
    writeData(to, 2, schema)
    writeMetadata(to, 3, annotations)
  },
})

/** `ToolList`: 1 pointer. */
export const TOOL_LIST = listKind('ToolList', TOOL)

/** `ToolCall`: 4 pointers. */
export const TOOL_CALL = structKind<ToolCall>('ToolCall', {
  dataWords: 0,
  pointers: 4,
  read: from => ({
    id: from.text(0),
    name: from.text(1),
    args: from.data(2),
    metadata: METADATA.read(from.struct(3)),
  }),
  write(to, { id, name, args, metadata }) {
    writeText(to, 0, id)
    writeText(to, 1, name)
    writeData(to, 2, args)
    writeMetadata(to, 3, metadata)
  },
})

/** `ToolResult`: 4 pointers. */
export const TOOL_RESULT = structKind<ToolResult>('ToolResult', {
  dataWords: 0,
  pointers: 4,
  read: from => ({
    id: from.text(0),
    content: from.data(1),
    error: from.text(2),
    metadata: METADATA.read(from.struct(3)),
  }),
  write(to, { id, content, error, metadata }) {
    writeText(to, 0, id)
    writeData(to, 1, content)
    writeText(to, 2, error)
    writeMetadata(to, 3, metadata)
  },
})
