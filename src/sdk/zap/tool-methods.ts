import {
  CLIENT_INFO,
  type ClientInfo,
  LOG_LINE,
  type LogLine,
  SERVER_INFO,
  type ServerInfo,
} from './peer-structs.ts'
import {
  PROMPT_CALL,
  PROMPT_LIST,
  PROMPT_MESSAGE_LIST,
  type Prompt,
  type PromptCall,
  type PromptMessage,
} from './prompt-structs.ts'
import {
  RESOURCE_CONTENT,
  RESOURCE_LIST,
  RESOURCE_NAME,
  type Resource,
  type ResourceContent,
} from './resource-structs.ts'
import { structCodec } from './struct-kind.ts'
import {
  TOOL_CALL,
  TOOL_LIST,
  TOOL_RESULT,
  type Tool,
  type ToolCall,
  type ToolResult,
} from './tool-structs.ts'
import { type ZapCodec, type ZapMethod, zapMethod } from './zap-method.ts'

const NONE: ZapCodec<undefined> = { encode: () => new Uint8Array(0), decode: () => undefined }

/** Who is there. */
export const INIT: ZapMethod<ClientInfo, ServerInfo> = zapMethod(
  'init',
  structCodec(CLIENT_INFO),
  structCodec(SERVER_INFO),
)

/** What can be called. */
export const LIST_TOOLS: ZapMethod<undefined, readonly Tool[]> = zapMethod(
  'listTools',
  NONE,
  structCodec(TOOL_LIST),
)

/** Call a tool. What goes wrong inside the tool is `ToolResult.error`, not an error of the call. */
export const CALL_TOOL: ZapMethod<ToolCall, ToolResult> = zapMethod(
  'callTool',
  structCodec(TOOL_CALL),
  structCodec(TOOL_RESULT),
)

/** What can be read. */
export const LIST_RESOURCES: ZapMethod<undefined, readonly Resource[]> = zapMethod(
  'listResources',
  NONE,
  structCodec(RESOURCE_LIST),
)

/** Read a resource by its URI. */
export const READ_RESOURCE: ZapMethod<string, ResourceContent> = zapMethod(
  'readResource',
  structCodec(RESOURCE_NAME),
  structCodec(RESOURCE_CONTENT),
)

/** A resource now and whenever it changes: a stream. */
export const SUBSCRIBE: ZapMethod<string, ResourceContent> = zapMethod(
  'subscribe',
  structCodec(RESOURCE_NAME),
  structCodec(RESOURCE_CONTENT),
)

/** What prompts there are. */
export const LIST_PROMPTS: ZapMethod<undefined, readonly Prompt[]> = zapMethod(
  'listPrompts',
  NONE,
  structCodec(PROMPT_LIST),
)

/** A prompt with its gaps filled. */
export const GET_PROMPT: ZapMethod<PromptCall, readonly PromptMessage[]> = zapMethod(
  'getPrompt',
  structCodec(PROMPT_CALL),
  structCodec(PROMPT_MESSAGE_LIST),
)

/** Write a line into the server's log. */
export const LOG: ZapMethod<LogLine, undefined> = zapMethod('log', structCodec(LOG_LINE), NONE)
