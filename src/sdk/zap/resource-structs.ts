import { utils } from 'capnp-es'
import { METADATA, type Metadata, writeMetadata } from './metadata-structs.ts'
import { listKind, pick, structKind, writeText } from './struct-kind.ts'

/** Something that can be read. */
export interface Resource {
  readonly uri: string
  readonly name: string
  readonly description: string
  readonly mimeType: string
  readonly annotations: Metadata
}

/** What is in a resource. */
export interface ResourceContent {
  readonly uri: string
  readonly mimeType: string
  readonly content: { readonly text: string } | { readonly blob: Uint8Array }
}

/** `Resource`: 5 pointers. */
export const RESOURCE = structKind<Resource>('Resource', {
  dataWords: 0,
  pointers: 5,
  read: from => ({
    uri: from.text(0),
    name: from.text(1),
    description: from.text(2),
    mimeType: from.text(3),
    annotations: METADATA.read(from.struct(4)),
  }),
  write(to, { uri, name, description, mimeType, annotations }) {
    writeText(to, 0, uri)
    writeText(to, 1, name)
    writeText(to, 2, description)
    writeText(to, 3, mimeType)
    writeMetadata(to, 4, annotations)
  },
})

/** `ResourceList`: 1 pointer. */
export const RESOURCE_LIST = listKind('ResourceList', RESOURCE)

/** `ResourceContent`: 1 word, whose first 2 bytes say text (0) or blob (1), and 3 pointers. */
export const RESOURCE_CONTENT = structKind<ResourceContent>('ResourceContent', {
  dataWords: 1,
  pointers: 3,
  read: from => ({
    uri: from.text(0),
    mimeType: from.text(1),
    content: pick<ResourceContent['content']>(from.uint16(0), [
      () => ({ text: from.text(2) }),
      () => ({ blob: from.data(2) }),
    ]),
  }),
  write(to, { uri, mimeType, content }) {
    writeText(to, 0, uri)
    writeText(to, 1, mimeType)
    // What a union holds is written even if it is empty.
    if ('text' in content) utils.setText(2, content.text, to)
    else {
      utils.setUint16(0, 1, to)
      utils.initData(2, content.blob.length, to).copyBuffer(content.blob)
    }
  },
})

/** `ResourceName`: 1 pointer; the URI alone. */
export const RESOURCE_NAME = structKind<string>('ResourceName', {
  dataWords: 0,
  pointers: 1,
  read: from => from.text(0),
  write: (to, uri) => writeText(to, 0, uri),
})
