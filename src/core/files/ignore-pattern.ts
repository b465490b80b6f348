/**
 * One line of a list in the form of `.gitignore` (gitignore(5)), read. It is compared name by name, and each star goes back to
 * no more than the one before it, so that no pattern takes long, whatever path somebody made up for it.
 */
export interface IgnorePattern {
  /** It takes back what a line before it ignores. */
  readonly isTakenBack: boolean
  /** It fits folders alone. */
  readonly isFolderOnly: boolean
  /** It fits a name anywhere; otherwise the whole path from the root. */
  readonly isName: boolean
  /** A name each; null is any number of names, none too. */
  readonly names: readonly (readonly Token[] | null)[]
}

/** A character, in small letters; any number of any; one of any; one of some. */
type Token = string | '**' | { readonly isNot: boolean; readonly spans: readonly [string, string][] } | null

/** Read a line. @returns undefined for one that says nothing: empty, a remark, or one that can fit no path */
export function parseIgnoreLine(line: string): IgnorePattern | undefined {
  let text = withoutEndSpaces(line)
  if (text === '' || text.startsWith('#')) return undefined
  const isTakenBack = text.startsWith('!')
  if (isTakenBack) text = text.slice(1)
  const isFolderOnly = text.endsWith('/')
  if (isFolderOnly) text = text.slice(0, -1)
  const isName = !text.includes('/')
  if (text.startsWith('/')) text = text.slice(1)
  if (text === '') return undefined
  const names: (readonly Token[] | null)[] = []
  const parts = text.split('/')
  for (const [index, part] of parts.entries()) {
    if (part === '**' && !isName) {
      // Below a folder something has to be: its own name is no part of `a/**`.
      if (index === parts.length - 1) names.push([STAR])
      if (names.at(-1) !== null) names.splice(index === parts.length - 1 ? -1 : names.length, 0, null)
      continue
    }
    const tokens = readName(part)
    if (tokens === undefined) return undefined
    names.push(tokens)
  }
  return { isTakenBack, isFolderOnly, isName, names }
}

/** Whether a line fits a path. @param path  its names, from the root, in small letters */
export function fitsIgnorePattern(
  { isName, isFolderOnly, names }: IgnorePattern,
  path: readonly string[],
  isFolder: boolean,
): boolean {
  if (isFolderOnly && !isFolder) return false
  if (isName) return fitsName(names[0] ?? [], path.at(-1) ?? '')
  let [at, wanted] = [0, 0]
  /** Where the last null was, and how far the path is that it has taken. */
  let [anyAt, taken] = [-1, 0]
  while (at < path.length) {
    const name = names[wanted]
    if (name === null) {
      anyAt = wanted++
      taken = at
    } else if (name !== undefined && fitsName(name, path[at] as string)) {
      at++
      wanted++
    } else if (anyAt >= 0) {
      at = ++taken
      wanted = anyAt + 1
    } else return false
  }
  while (names[wanted] === null) wanted++
  return wanted === names.length
}

function fitsName(tokens: readonly Token[], name: string): boolean {
  let [at, wanted] = [0, 0]
  let [starAt, taken] = [-1, 0]
  while (at < name.length) {
    const token = tokens[wanted]
    if (token === STAR) {
      starAt = wanted++
      taken = at
    } else if (token !== undefined && fitsCharacter(token, name[at] as string)) {
      at++
      wanted++
    } else if (starAt >= 0) {
      at = ++taken
      wanted = starAt + 1
    } else return false
  }
  while (tokens[wanted] === STAR) wanted++
  return wanted === tokens.length
}

function fitsCharacter(token: Token, character: string): boolean {
  if (token === null) return true
  if (typeof token === 'string') return token === character
  const { isNot, spans } = token
  const upper = character.toUpperCase()
  return spans.some(([from, to]) => isBetween(character, from, to) || isBetween(upper, from, to)) !== isNot
}

function isBetween(character: string, from: string, to: string): boolean {
  return from <= character && character <= to
}

/** @returns undefined if it can fit nothing: a class without an end */
function readName(part: string): Token[] | undefined {
  const tokens: Token[] = []
  for (let at = 0; at < part.length; at++) {
    const character = part[at] as string
    if (character === '*') {
      if (tokens.at(-1) !== STAR) tokens.push(STAR)
    } else if (character === '?') tokens.push(null)
    else if (character === '[') {
      const read = readClass(part, at + 1)
      if (read === undefined) return undefined
      tokens.push(read.token)
      at = read.end
    } else if (character === '\\') {
      at++
      if (at === part.length) return undefined
      tokens.push((part[at] as string).toLowerCase())
    } else tokens.push(character.toLowerCase())
  }
  return tokens
}

function readClass(part: string, start: number): { token: Token; end: number } | undefined {
  const isNot = part[start] === '!' || part[start] === '^'
  const spans: [string, string][] = []
  let at = isNot ? start + 1 : start
  const first = at
  while (at < part.length) {
    if (part[at] === ']' && at > first) return { token: { isNot, spans }, end: at }
    if (part[at] === '\\') at++
    const from = part[at]
    if (from === undefined) return undefined
    let to = from
    if (part[at + 1] === '-' && part[at + 2] !== undefined && part[at + 2] !== ']') {
      at += part[at + 2] === '\\' ? 3 : 2
      to = part[at] ?? from
    }
    spans.push([from, to])
    at++
  }
  return undefined
}

/** Spaces at the end say nothing, unless a backslash is before them. */
function withoutEndSpaces(line: string): string {
  let end = line.length
  while (end > 0 && /[ \t\r]/.test(line[end - 1] as string)) end--
  if (end === line.length) return line
  let slashes = 0
  while (line[end - 1 - slashes] === '\\') slashes++
  return line.slice(0, slashes % 2 === 1 ? end + 1 : end)
}

/** Two characters, which no single one of a name is. */
const STAR = '**'
