import { utils } from 'capnp-es'
import { METADATA, type Metadata, writeMetadata } from './metadata-structs.ts'
import { RESOURCE_CONTENT, type ResourceContent } from './resource-structs.ts'
import {
  listKind,
  nameOf,
  pick,
  structKind,
  writeData,
  writeStruct,
  writeStructs,
  writeText,
} from './struct-kind.ts'

/** A gap in a prompt. */
export interface PromptArgument {
  readonly name: string
  readonly description: string
  readonly required: boolean
}

/** A text with gaps that the caller fills. */
export interface Prompt {
  readonly name: string
  readonly description: string
  readonly arguments: readonly PromptArgument[]
}

/** A picture in a prompt. */
export interface ImageContent {
  readonly data: Uint8Array
  readonly mimeType: string
}

/** One thing said in a prompt. */
export interface PromptMessage {
  readonly role: (typeof ROLES)[number]
  readonly content:
    | { readonly text: string }
    | { readonly image: ImageContent }
    | { readonly resource: ResourceContent }
}

/** What is asked of a prompt. */
export interface PromptCall {
  readonly name: string
  readonly args: Metadata
}

const ARGUMENT = structKind<PromptArgument>('Prompt.Argument', {
  dataWords: 1,
  pointers: 2,
  read: from => ({ name: from.text(0), description: from.text(1), required: from.bool(0) }),
  write(to, { name, description, required }) {
    writeText(to, 0, name)
    writeText(to, 1, description)
    utils.setBit(0, required, to)
  },
})

/** `Prompt`: 3 pointers. */
export const PROMPT = structKind<Prompt>('Prompt', {
  dataWords: 0,
  pointers: 3,
  read: from => ({
    name: from.text(0),
    description: from.text(1),
    arguments: from.structs(2).map(ARGUMENT.read),
  }),
  write(to, prompt) {
    writeText(to, 0, prompt.name)
    writeText(to, 1, prompt.description)
    writeStructs(to, 2, ARGUMENT, prompt.arguments)
  },
})

/** `PromptList`: 1 pointer. */
export const PROMPT_LIST = listKind('PromptList', PROMPT)

const IMAGE = structKind<ImageContent>('PromptMessage.ImageContent', {
  dataWords: 0,
  pointers: 2,
  read: from => ({ data: from.data(0), mimeType: from.text(1) }),
  write(to, { data, mimeType }) {
    writeData(to, 0, data)
    writeText(to, 1, mimeType)
  },
})

const CONTENT = structKind<PromptMessage['content']>('PromptMessage.Content', {
  dataWords: 1,
  pointers: 1,
  read: from =>
    pick<PromptMessage['content']>(from.uint16(0), [
      () => ({ text: from.text(0) }),
      () => ({ image: IMAGE.read(from.struct(0)) }),
      () => ({ resource: RESOURCE_CONTENT.read(from.struct(0)) }),
    ]),
  write(to, content) {
    // What a union holds is written even if it is empty.
    if ('text' in content) utils.setText(0, content.text, to)
    else if ('image' in content) {
      utils.setUint16(0, 1, to)
      writeStruct(to, 0, IMAGE, content.image)
    } else {
      utils.setUint16(0, 2, to)
      writeStruct(to, 0, RESOURCE_CONTENT, content.resource)
    }
  },
})

/** `PromptMessage`: 1 word, whose first 2 bytes are the role, and 1 pointer. */
export const PROMPT_MESSAGE = structKind<PromptMessage>('PromptMessage', {
  dataWords: 1,
  pointers: 1,
  read: from => ({ role: nameOf(ROLES, from.uint16(0)), content: CONTENT.read(from.struct(0)) }),
  write(to, { role, content }) {
    utils.setUint16(0, ROLES.indexOf(role), to)
    writeStruct(to, 0, CONTENT, content)
  },
})

/** `PromptMessageList`: 1 pointer. */
export const PROMPT_MESSAGE_LIST = listKind('PromptMessageList', PROMPT_MESSAGE)

/** `PromptCall`: 2 pointers. */
export const PROMPT_CALL = structKind<PromptCall>('PromptCall', {
  dataWords: 0,
  pointers: 2,
  read: from => ({ name: from.text(0), args: METADATA.read(from.struct(1)) }),
  write(to, { name, args }) {
    writeText(to, 0, name)
    writeMetadata(to, 1, args)
  },
})

const ROLES = ['user', 'assistant', 'system'] as const
