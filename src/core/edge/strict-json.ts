import { EdgeError } from './edge-error.ts'

/**
 * Read JSON (RFC 8259) as strictly as it can be meant: no member twice in an object, which two readers would
 * understand differently; no object named by another's prototype; nothing deeper than `MAX_JSON_DEPTH`.
 *
 * @throws EdgeError COULD_NOT_PARSE_BODY
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw bad('not JSON')
  }
  checkMembers(text)
  return value
}

/** Walk through text that is JSON, and look at the names of members alone. */
function checkMembers(text: string): void {
  const open: (Set<string> | undefined)[] = []
  let isName = false
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case '"': {
        const end = endOfString(text, at)
        if (isName) take(open.at(-1), text.slice(at, end + 1))
        isName = false
        at = end
        break
      }
      case '{':
      case '[':
        isName = text[at] === '{'
        open.push(isName ? new Set() : undefined)
        if (open.length > MAX_JSON_DEPTH) throw bad(`over ${MAX_JSON_DEPTH} levels`)
        break
      case '}':
      case ']':
        open.pop()
        isName = false
        break
      case ',':
        isName = open.at(-1) !== undefined
        break
    }
  }
}

function take(names: Set<string> | undefined, quoted: string): void {
  const name = JSON.parse(quoted) as string
  if (name === '__proto__') throw bad('a member that no document has')
  if (names?.has(name)) throw bad('a member that is there twice')
  names?.add(name)
}

/** The index of the closing quote. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at
  }
  return text.length
}

function bad(reason: string): EdgeError {
  return new EdgeError('COULD_NOT_PARSE_BODY', `The body of the request cannot be parsed: ${reason}`)
}

/** How deep objects and lists of a body may be inside each other. */
export const MAX_JSON_DEPTH = 32
