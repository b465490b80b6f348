import type { Command, Option } from 'commander'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'

/** What stood before the command: `ztm mesh M …`, `ztm ep [M/]EP …`. */
export interface Prefix {
  readonly mesh?: string
  readonly endpoint?: string
}

/** An endpoint as a person writes it. */
export interface EndpointWord {
  readonly mesh?: string
  readonly endpoint: string
}

/**
 * Take the prefixes off a command line.
 *
 * @param root  knows which options take a value, so that one before the prefix is stepped over
 * @returns the prefix, and the words without it
 * @throws MeshError `bad-usage` if a prefix has no name, or two name different meshes
 */
export function takePrefix(root: Command, words: readonly string[]): { prefix: Prefix; rest: string[] } {
  let rest = [...words]
  let mesh: string | undefined
  let endpoint: string | undefined
  for (;;) {
    const i = operandIndex(root, rest)
    if (rest[i] === 'mesh') mesh = agree(mesh, nameAfter(rest, i))
    else if (rest[i] === 'ep' || rest[i] === 'endpoint') {
      const place = parseEndpointWord(nameAfter(rest, i))
      endpoint = place.endpoint
      mesh = agree(mesh, place.mesh)
    } else break
    rest = [...rest.slice(0, i), ...rest.slice(i + 2)]
  }
  return {
    prefix: { ...(mesh !== undefined && { mesh }), ...(endpoint !== undefined && { endpoint }) },
    rest,
  }
}

/**
 * Read `[MESH/]ENDPOINT`; an empty mesh (`/home`) means the default one.
 *
 * @throws MeshError `bad-usage` if the endpoint is empty or has a slash
 */
export function parseEndpointWord(text: string): EndpointWord {
  const slash = text.indexOf('/')
  const mesh = text.slice(0, Math.max(slash, 0))
  const endpoint = text.slice(slash + 1)
  if (endpoint === '' || endpoint.includes('/')) {
    throw new MeshError('bad-usage', `Cannot use endpoint ${quote(text)}: write ENDPOINT or MESH/ENDPOINT`)
  }
  return mesh === '' ? { endpoint } : { mesh, endpoint }
}

/** The one of two that is given. @throws MeshError `bad-usage` if both are, and differ */
export function agree(a: string | undefined, b: string | undefined, what = 'mesh'): string | undefined {
  if (a !== undefined && b !== undefined && a !== b) {
    throw new MeshError(
      'bad-usage',
      `Cannot read command line: two ${what} names, ${quote(a)} and ${quote(b)}: give one`,
    )
  }
  return a ?? b
}

function nameAfter(words: readonly string[], i: number): string {
  const name = words[i + 1]
  if (name === undefined || name === '' || name.startsWith('-')) {
    const word = words[i] === 'mesh' ? 'mesh MESH' : 'ep [MESH/]ENDPOINT'
    throw new MeshError(
      'bad-usage',
      `Cannot read command line: no name after "${words[i]}": write ztm ${word} COMMAND`,
    )
  }
  return name
}

/** Where the first word stands that is no option nor an option's value; the length of `words` if there is none. */
export function operandIndex(root: Command, words: readonly string[]): number {
  let i = 0
  while (i < words.length && isOption(words[i] ?? '')) {
    if (words[i] === '--') return i + 1
    i += optionLength(root, words[i] ?? '')
  }
  return Math.min(i, words.length)
}

function isOption(word: string): boolean {
  return word.startsWith('-') && word.length > 1
}

/** How many words an option takes, as far as the root command knows. */
function optionLength(root: Command, word: string): number {
  return root.options.some(option => option.required && isOptionNamed(option, word)) ? 2 : 1
}

/** Whether the word is the option, short or long, without a value in it. */
export function isOptionNamed(option: Pick<Option, 'short' | 'long'>, word: string): boolean {
  return option.short === word || option.long === word
}
