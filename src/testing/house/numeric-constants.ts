import type { SourceFile } from './source-file.ts'

/** A number that the source names: `NAME`, or `TABLE.member` of a table of numbers. */
export interface NumericConstant {
  readonly name: string
  readonly value: number
  /** From the repository's root. */
  readonly path: string
  readonly isExported: boolean
}

/**
 * Every number named in upper case at the top of a file, and every member of a table so named, where the value can be
 * read off the source: literals, sums and products of them, and other such names.
 */
export function findNumericConstants(files: readonly SourceFile[]): NumericConstant[] {
  const found: (Omit<NumericConstant, 'value'> & { text: string })[] = []
  for (const { path, code } of files) {
    for (const match of code.matchAll(DECLARATION)) {
      const { 1: exported, 2: name = '', index } = match
      const text = valueAfter(code, index + match[0].length)
      const base = { path, isExported: exported !== undefined }
      if (!text.startsWith('{')) found.push({ ...base, name, text })
      for (const [, member, value] of text.startsWith('{') ? text.matchAll(MEMBER) : []) {
        if (value !== undefined) found.push({ ...base, name: `${name}.${member}`, text: value })
      }
    }
  }
  const resolve = (name: string, path: string, depth: number): number | undefined => {
    const named = found.filter(one => one.name === name)
    const own = named.find(one => one.path === path) ?? (named.length === 1 ? named[0] : undefined)
    return own && depth < MAX_DEPTH
      ? evaluate(own.text, other => resolve(other, own.path, depth + 1))
      : undefined
  }
  return found.flatMap(({ text: _, ...one }) => {
    const value = resolve(one.name, one.path, 0)
    return value === undefined ? [] : [{ ...one, value }]
  })
}

/** The text of a value that begins at `start`, to the end of its line, or to the brace that closes it. */
function valueAfter(code: string, start: number): string {
  if (code[start] !== '{') return code.slice(start).split('\n', 1)[0]?.trim() ?? ''
  let depth = 0
  for (let at = start; at < code.length; at += 1) {
    if (code[at] === '{') depth += 1
    if (code[at] === '}') depth -= 1
    if (depth === 0) return code.slice(start, at + 1)
  }
  return ''
}

/** Sums of products of numbers and names; undefined for anything else. */
function evaluate(text: string, resolve: (name: string) => number | undefined): number | undefined {
  let sum = 0
  for (const term of text.replace(/ as const$/, '').split('+')) {
    let product = 1
    for (const [, sign = '*', factor = ''] of `*${term.replaceAll(' ', '')}`.matchAll(/([*/])([^*/]*)/g)) {
      const value = NUMBER.test(factor) ? Number(factor.replaceAll('_', '')) : resolve(factor)
      if (value === undefined) return undefined
      product = sign === '*' ? product * value : product / value
    }
    sum += product
  }
  return sum
}

const DECLARATION = /^(export )?const ([A-Z][A-Z0-9_]*)\b[^=\n]*= (?=\S)/gm
const MEMBER = /(?<=[{,]\s*)(\w+): ([^,{}\n]+?)(?=\s*[,}\n])/g
const NUMBER = /^(?:0x[0-9a-f]+|\d[\d_]*(?:\.\d+)?(?:e\d+)?)$/i
const MAX_DEPTH = 4
