import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blankOut, parseSource } from './source-file.ts'

test('blankOut() leaves code and hides comments, strings, templates and regular expressions', () => {
  const text = [
    "const a = 'x // y' // console.log()",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text is a program
    'const b = `one ${f({ deep: `two ${c} }` })} three` + d',
    'const e = /[/"]+\\/`/g.test(g) ? h / 2 / i : "it\'s"',
    '/* `not a template */ const j = k',
  ].join('\n')
  const code = [
    "const a = '      '                 ",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text is a program
    'const b = `    ${f({ deep: `    ${c}  ` })}      ` + d',
    'const e = /         g.test(g) ? h / 2 / i : "    "',
    '                      const j = k',
  ].join('\n')
  assert.equal(blankOut(text), code)
})

test('blankOut() does not take a comment with a slash in it for a regular expression', () => {
  const text = '/** `tcp/x` or `udp/x`, as /a/b. */\nconst a = 1\n// c/d `\nconst b = 2'
  assert.equal(blankOut(text).replace(/ +/g, ' ').trim(), 'const a = 1\n \nconst b = 2')
})

test('blankOut() keeps every offset and line, whatever the text', () => {
  const pieces = fc.array(
    fc.constantFrom('`', '${', '}', '{', "'", '"', '/', '*', '\\', '\n', ' ', 'a', '(', ')', '='),
  )
  fc.assert(
    fc.property(pieces, parts => {
      const text = parts.join('')
      const code = blankOut(text)
      assert.equal(code.length, text.length)
      assert.deepEqual(lineStarts(code), lineStarts(text))
    }),
    { numRuns: 2_000 },
  )
})

test('parseSource() finds static, dynamic, type-only and worker imports', () => {
  const text = [
    "import { readFile } from 'node:fs/promises'",
    "import type { A } from '../core/a.ts'",
    "import { type B, type C } from './b.ts'",
    "import './side.ts'",
    "export { d } from './d.ts'",
    "// import { no } from './comment.ts'",
    'const text = "import { no } from \'./string.ts\'"',
    "const e = await import('./e.ts')",
    "const f = new Worker(new URL('./f.ts', import.meta.url))",
    "const g = new URL('./no.ts', base)",
    "const h = new URL('../../docs/no.md', import.meta.url)",
  ].join('\n')
  const found = parseSource('src/net/x.ts', text).imports.map(({ specifier, line, isTypeOnly, target }) => [
    specifier,
    line,
    isTypeOnly,
    target,
  ])
  assert.deepEqual(found, [
    ['node:fs/promises', 1, false, undefined],
    ['../core/a.ts', 2, true, 'src/core/a.ts'],
    ['./b.ts', 3, true, 'src/net/b.ts'],
    ['./side.ts', 4, false, 'src/net/side.ts'],
    ['./d.ts', 5, false, 'src/net/d.ts'],
    ['./e.ts', 8, false, 'src/net/e.ts'],
    ['./f.ts', 9, false, 'src/net/f.ts'],
  ])
})

function lineStarts(text: string): number[] {
  return [...text].flatMap((character, at) => (character === '\n' ? [at] : []))
}
