import { lineAt } from './source-file.ts'

/** How long one function is. */
export interface FunctionSize {
  readonly name: string
  /** The line, from 1, it starts on. */
  readonly line: number
  /** Its lines without those of the functions written inside it, so that a factory is as long as its own part. */
  readonly ownLines: number
}

/**
 * Measure the functions, methods and arrow functions with a body, by counting braces.
 *
 * @param code  as `blankOut` gives it; formatted, so that a method's name starts its line
 */
export function measureFunctions(code: string): FunctionSize[] {
  const spans: Span[] = []
  for (const { pattern, bodyAt } of STARTS) {
    for (const match of code.matchAll(pattern)) {
      const open = bodyAt(code, match)
      if (open === undefined) continue
      const close = closing(code, open)
      const start = match.index + (match[0].length - match[0].trimStart().length)
      spans.push({ name: match[1] || 'arrow function', start, close })
    }
  }
  return spans.map(span => {
    const inside = spans.filter(other => other.start > span.start && other.close < span.close)
    const nested = inside.filter(
      child => !inside.some(other => other.start < child.start && other.close > child.close),
    )
    const hidden = nested.reduce((sum, child) => sum + lineCount(code, child) - 1, 0)
    return { name: span.name, line: lineAt(code, span.start), ownLines: lineCount(code, span) - hidden }
  })
}

interface Span {
  readonly name: string
  readonly start: number
  readonly close: number
}

function lineCount(code: string, span: Span): number {
  return lineAt(code, span.close) - lineAt(code, span.start) + 1
}

/** Where the body of a function with a parameter list opens; undefined for a call or a declaration without body. */
function bodyAfterParameters(code: string, match: RegExpExecArray): number | undefined {
  let at = closing(code, match.index + match[0].length - 1) + 1
  while (/\s/.test(code[at] ?? '')) at += 1
  if (code[at] === '{') return at
  if (code[at] !== ':') return undefined
  // A return type: the body is the first brace that no type can start with.
  let before = ':'
  for (at += 1; at < code.length; at += 1) {
    const character = code[at] as string
    if (/\s/.test(character)) continue
    if (character === '{' && !/[:|&<,(>]/.test(before)) return at
    if (character === '{' && before === '>' && code.slice(0, at).trimEnd().at(-2) !== '=') return at
    if (character === '(' || character === '{' || character === '[') at = closing(code, at)
    if (character === ';' || character === '}' || character === '=') {
      if (code[at + 1] !== '>') return undefined
    }
    before = code[at] as string
  }
  return undefined
}

/** The offset of the bracket that closes the one at `open`. */
function closing(code: string, open: number): number {
  let depth = 0
  for (let at = open; at < code.length; at += 1) {
    const character = code[at] as string
    if ('([{'.includes(character)) depth += 1
    if (')]}'.includes(character)) depth -= 1
    if (depth === 0) return at
  }
  return code.length - 1
}

const STARTS = [
  { pattern: /\bfunction\b\s*\*?\s*(\w*)\s*(?:<[^(]*>)?\(/g, bodyAt: bodyAfterParameters },
  {
    pattern:
      /^[ \t]+(?:(?:static|async|override|get|set|\*)\s*)*(?!(?:if|for|while|switch|catch|return|function|super|await|yield|throw|new|case|else|do|typeof|void)\b)([#\w]+|\[[\w.]+\])\s*(?:<[^(]*>)?\(/gm,
    bodyAt: bodyAfterParameters,
  },
  {
    pattern: /=>\s*\{/g,
    bodyAt: (_code: string, match: RegExpExecArray) => match.index + match[0].length - 1,
  },
]
