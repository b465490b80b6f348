import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOrderFilter } from './terminal-orders.ts'

const ESC = '\u001b'

test('createOrderFilter() lets lines, tabs, letters of every script and colours pass', () => {
  const text = `a\tb\r\n50 %\r100 %\n${ESC}[1;31mred${ESC}[0m ${ESC}[38;2;1;2;3mé 中 👩‍👩‍👧\n`
  assert.equal(filtered([text]), text)
})

const ORDERS = {
  'sets the clipboard': `${ESC}]52;c;cm0gLXJmIH4=\u0007`,
  'has the terminal type an answer': `${ESC}[c${ESC}[6n${ESC}P$qm${ESC}\\`,
  'sets the title': `${ESC}]0;root@server\u0007`,
  'clears the screen and writes elsewhere': `${ESC}[2J${ESC}[1;1H`,
  'does so in eight bits': '\u009b2J\u009d0;x\u009c',
  'hides in a colour that is none': `${ESC}[0;1\u0007m${ESC}[${'1;'.repeat(40)}m`,
  'goes back over what was written': 'a\b\b\bb\u007f',
  'turns text round': 'gpj.\u202eexe',
}
for (const [what, text] of Object.entries(ORDERS)) {
  test(`createOrderFilter() shows instead of doing what ${what}`, () => {
    const shown = filtered([text])
    assert.doesNotMatch(shown.replaceAll(`${ESC}[0m`, ''), /[\0-\x08\x0b-\x1f\x7f-\x9f\u202e]/)
    // However it is cut.
    assert.equal(filtered(text.split('')), shown)
  })
}

test('createOrderFilter() holds back no more than the beginning of one colour', () => {
  const filter = createOrderFilter()
  const flood = `${ESC}[`.padEnd(100_000, '1')
  assert.ok(Buffer.from(filter(Buffer.from(flood))).length >= flood.length)
})

function filtered(pieces: readonly string[]): string {
  const filter = createOrderFilter()
  return pieces.map(piece => Buffer.from(filter(Buffer.from(piece))).toString()).join('')
}
