import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'

/** One import of a file, as it is written: static, dynamic, or the URL of a worker. */
export interface Import {
  readonly specifier: string
  readonly line: number
  /** Gone at run time: `import type …`. */
  readonly isTypeOnly: boolean
  /** The imported file's path from the repository's root; undefined for packages and Node's own modules. */
  readonly target: string | undefined
}

/** A source file as the rules of the house see it: text, never a syntax tree. */
export interface SourceFile {
  /** From the repository's root, with slashes: `src/net/splice.ts`. */
  readonly path: string
  readonly text: string
  /** `text` with comments and the insides of strings made spaces; every offset and line stays. */
  readonly code: string
  readonly imports: readonly Import[]
  readonly isTest: boolean
}

/**
 * Every TypeScript file below `folder`, in order of path.
 *
 * @param root    the repository
 * @param folder  from the root: `src`
 */
export function readSources(root: string, folder: string): SourceFile[] {
  return readdirSync(posix.join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map(entry => posix.relative(root, posix.join(entry.parentPath, entry.name)))
    .sort()
    .map(path => parseSource(path, readFileSync(posix.join(root, path), 'utf8')))
}

/** Read one file's text. */
export function parseSource(path: string, text: string): SourceFile {
  const code = blankOut(text)
  return { path, text, code, imports: findImports(path, text, code), isTest: /\.test\.tsx?$/.test(path) }
}

/** The line, from 1, that `offset` is on. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1
  return line
}

/**
 * Make comments and the insides of strings, templates and regular expressions spaces, so that a search in the
 * result finds code only. Tells a division from a regular expression by the token before it, which is right for
 * formatted code.
 */
export function blankOut(text: string): string {
  let out = ''
  let at = 0
  let before = ''
  // For each template we are inside a `${…}` of: how many braces are open in it.
  const braces: number[] = []
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const token = pattern.exec(text)?.[0] ?? ''
    at += token.length
    return token
  }
  while (at < text.length) {
    const regex = text[at] === '/' && mayStartRegex(before) ? take(REGEX) : ''
    const token = regex === '' ? take(TOKEN) : regex
    const inside = braces.at(-1)
    const endsHole = token === '}' && inside === 0
    if (token === '`' || endsHole) {
      if (endsHole) braces.pop()
      const rest = take(TEMPLATE)
      const end = rest.endsWith('${') ? '${' : rest.slice(-1)
      if (end === '${') braces.push(0)
      out += `${token}${spaces(rest.slice(0, rest.length - end.length))}${end}`
      before = end === '${' ? '{' : '`'
      continue
    }
    if (inside !== undefined && token === '{') braces[braces.length - 1] = inside + 1
    if (inside !== undefined && token === '}') braces[braces.length - 1] = inside - 1
    const isComment = /^\/[/*]/.test(token) && regex === ''
    const isText = regex !== '' || /^['"]/.test(token)
    if (isComment) out += spaces(token)
    else if (isText) out += `${token[0]}${spaces(token.slice(1, -1))}${token.length > 1 ? token.at(-1) : ''}`
    else out += token
    if (!isComment && token.trim() !== '') before = token
  }
  return out
}

function mayStartRegex(before: string): boolean {
  return (
    before === '' || /^(?:[([{},;:=!&|?+\-*%<>~^]|return|typeof|case|in|of|do|else|void|await)$/.test(before)
  )
}

function spaces(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

function findImports(path: string, text: string, code: string): Import[] {
  const imports: (Import & { offset: number })[] = []
  for (const pattern of IMPORTS) {
    for (const match of code.matchAll(pattern)) {
      const open = match.index + match[0].length - 1
      const specifier = text.slice(open + 1, code.indexOf(code[open] as string, open + 1))
      // The URL of a document or an image is no import.
      if (pattern === WORKER && !/\.[cm]?[jt]sx?$/.test(specifier)) continue
      imports.push({
        offset: open,
        specifier,
        line: lineAt(text, open),
        isTypeOnly: isTypeOnly(match[1] ?? ''),
        target: specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined,
      })
    }
  }
  return imports.sort((a, b) => a.offset - b.offset).map(({ offset: _, ...rest }) => rest)
}

/** @param clause  what stands between `import` and `from` */
function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b/.test(clause)) return true
  const names = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1]?.split(',') ?? []
  return names.length > 0 && names.every(name => name.trim() === '' || /^\s*type\s/.test(name))
}

const REGEX = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y
const TOKEN = /\/\/[^\n]*|\/\*.*?\*\/|'(?:\\.|[^'\\\n])*'?|"(?:\\.|[^"\\\n])*"?|\s+|[\w$]+|./sy
const TEMPLATE = /(?:\\.|\$(?!\{)|[^\\`$])*(?:`|\$\{)/sy
const WORKER = /\bnew URL\(\s*['"](?=\s*['"],\s*import\.meta\.url\))/g
/** Each ends with the quote that opens the specifier; the first group is the import's clause. */
const IMPORTS = [
  /^(?:import|export)\b([^'"`();=]*?)\bfrom\s*['"]/gm,
  /^import\s*['"]/gm,
  /\bimport\(\s*['"]/g,
  WORKER,
]
