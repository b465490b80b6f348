import { MeshError } from './errors.ts'
import { quote } from './quote.ts'

/** An invitation to look at a session of a terminal. */
export interface ShareLink {
  readonly endpoint: string
  readonly session: string
  /** Secret. */
  readonly key: string
}

/** `ztm://terminal/ENDPOINT/SESSION#KEY`: whoever has it, in the same mesh, may look. */
export function formatShareLink({ endpoint, session, key }: ShareLink): string {
  return `ztm://terminal/${endpoint}/${session}#${key}`
}

/** Read such a link. @throws MeshError `bad-usage` if it begins like a link and is none */
export function readShareLink(text: string): ShareLink | undefined {
  if (!text.startsWith('ztm://')) return undefined
  const [, endpoint, session, key] =
    /^ztm:\/\/terminal\/([\w.-]{1,64})\/([0-9a-f]{16})#([\w-]{22})$/.exec(text) ?? []
  if (endpoint !== undefined && session !== undefined && key !== undefined) return { endpoint, session, key }
  throw new MeshError('bad-usage', `Cannot attach: ${quote(text.slice(0, 20))} is not a link to a session`)
}
