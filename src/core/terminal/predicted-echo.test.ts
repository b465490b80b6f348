import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPredictedScreens } from '../../testing/predicted-screens.ts'

/** A terminal that echoes, with a prompt after each line; `\r` ends one, DEL takes back. */
function shell(prompt = '$ '): (typed: string) => string {
  let line = ''
  return typed => {
    let out = ''
    for (const key of typed) {
      if (key === '\r') {
        out += `\r\n${line === '' ? '' : `ran ${line}\r\n`}${prompt}`
        line = ''
      } else if (key === '\x7f') {
        if (line !== '') out += '\b \b'
        line = line.slice(0, -1)
      } else {
        line += key
        out += key
      }
    }
    return out
  }
}

test('a key is shown before its echo once an echo was seen, and not before', () => {
  const screens = openPredictedScreens({ program: shell() })
  screens.type('\r')
  screens.wait(500)
  screens.type('a')
  assert.equal(screens.seen.line(), '$')
  screens.wait(190)
  assert.equal(screens.seen.line(), '$')
  screens.wait(20)
  assert.equal(screens.seen.line(), '$ a')
  screens.type('b')
  screens.type('c')
  assert.equal(screens.seen.line(), '$ abc')
  assert.equal(screens.plain.line(), '$ a')
  assert.equal(screens.seen.column, 5)
  screens.type('\x7f')
  assert.equal(screens.seen.line(), '$ ab')
  screens.settle()
  assert.equal(screens.seen.line(), '$ ab')
})

/** At a prompt, where one echo was seen: `$ a`. */
function openAtPrompt(options: Partial<Parameters<typeof openPredictedScreens>[0]> = {}) {
  const screens = openPredictedScreens({ program: shell(), ...options })
  screens.type('\r')
  screens.wait(2_000)
  screens.type('a')
  screens.wait(2_000)
  assert.equal(screens.seen.line(), '$ a')
  return screens
}

test('a password is never shown, whatever was echoed before it', () => {
  let isSecret = false
  let line = ''
  const plain = shell()
  const screens = openAtPrompt({
    mode: 'always',
    program(typed) {
      if (isSecret) {
        isSecret = !typed.includes('\r')
        return isSecret ? '' : '\r\nwelcome\r\n$ '
      }
      line += typed
      isSecret = line.endsWith('su\r')
      return isSecret ? '\r\nPassword: ' : plain(typed)
    },
  })
  screens.type('s')
  screens.type('u')
  assert.equal(screens.seen.line(), '$ asu')
  screens.type('\r')
  const secret = 'Paseword'
  for (const letter of secret) {
    screens.type(letter)
    screens.wait(170)
    assert.match(screens.seen.line(), /^(?:\$ asu|Password:)$/)
  }
  screens.wait(5_000)
  screens.type('x')
  assert.equal(screens.seen.line(), 'Password:')
  screens.type('\r')
  screens.settle()
  assert.equal(screens.seen.line(), '$')
})

test('nothing is shown on the other screen, where programs fill it all', () => {
  const screens = openAtPrompt({ mode: 'always' })
  screens.write('\x1b[?1049h\x1b[2J\x1b[H')
  screens.wait(1_000)
  for (const letter of 'ijkl') {
    screens.type(letter)
    assert.equal(screens.seen.line(), screens.plain.line())
    screens.wait(400)
  }
  screens.write('\x1b[?1049l')
  screens.wait(1_000)
  screens.type('b')
  screens.wait(1_000)
  screens.type('c')
  assert.equal(screens.seen.line(), '$ abc')
  screens.settle()
})

test('what was foreseen wrongly is taken back at once, and nothing is shown before an echo is right again', () => {
  const screens = openAtPrompt()
  screens.write('\r\nmail has come\r\n$ ')
  screens.type('b')
  screens.type('c')
  assert.equal(screens.seen.line(), '$ abc')
  screens.wait(110)
  assert.equal(screens.seen.line(), '$')
  screens.wait(2_000)
  screens.type('d')
  assert.equal(screens.seen.line(), '$ bc')
  screens.wait(2_000)
  screens.type('e')
  assert.equal(screens.seen.line(), '$ bcde')
  screens.settle()
})

test('what is shown is underlined when its echo is late, and taken back when none comes', () => {
  let isSilent = false
  const echo = shell()
  const screens = openAtPrompt({ program: typed => (isSilent ? '' : echo(typed)) })
  isSilent = true
  screens.type('b')
  const marked = () => screens.seen.everything().some(row => /b\{[^}]*,[1-9]\d*,0,0,0,0,0\}/.test(row))
  screens.wait(390)
  assert.deepEqual([screens.seen.line(), marked()], ['$ ab', false])
  screens.wait(20)
  assert.deepEqual([screens.seen.line(), marked()], ['$ ab', true])
  screens.wait(5_000)
  assert.equal(screens.seen.line(), '$ a')
  screens.settle()
})

test('nothing is shown on a quick path; a path that becomes slow or quick is followed', () => {
  const screens = openAtPrompt({ tripMs: 10 })
  const typed = (trips: number) => {
    let shownCount = 0
    for (let at = 0; at < trips; at += 1) {
      screens.type('x')
      if (screens.seen.line() !== screens.plain.line()) shownCount += 1
      screens.wait(2_000)
      if (at % 20 === 19) screens.type('\r')
      screens.wait(2_000)
    }
    return shownCount
  }
  assert.equal(typed(5), 0)
  // A program that was busy once is no slow path.
  screens.tripMs = 900
  typed(1)
  screens.tripMs = 10
  assert.ok(typed(5) <= 2)
  screens.tripMs = 150
  typed(6)
  assert.equal(typed(5), 5)
  screens.tripMs = 8
  typed(10)
  assert.equal(typed(5), 0)
  screens.settle()
})

test('always shows on a quick path too, never on a slow one does not', () => {
  const always = openAtPrompt({ tripMs: 5, mode: 'always' })
  always.type('b')
  assert.equal(always.seen.line(), '$ ab')
  always.settle()
  const never = openAtPrompt({ tripMs: 900, mode: 'never' })
  never.type('b')
  assert.equal(never.seen.line(), '$ a')
  never.settle()
})

test('nothing is shown in the last column, nor behind it', () => {
  const screens = openAtPrompt({ columns: 12 })
  for (const letter of 'bcdefghijklmnop') screens.type(letter)
  assert.equal(screens.seen.line(), '$ abcdefghi')
  screens.settle()
  assert.equal(screens.seen.line(), 'klmnop')
})

test('wide letters and marks are left to the far end; letters behind them are shown where they belong', () => {
  const screens = openAtPrompt()
  screens.type('漢')
  assert.equal(screens.seen.line(), '$ a')
  screens.wait(2_000)
  assert.equal(screens.seen.line(), '$ a漢')
  screens.type('b')
  screens.wait(2_000)
  screens.type('c')
  assert.equal(screens.seen.line(), '$ a漢bc')
  screens.settle()
  screens.type('e\u0301')
  screens.settle()
  assert.equal(screens.seen.line(), '$ a漢bce\u0301')
})

test('backspace, left and right are shown within what was typed, and not beyond it', () => {
  const plain = shell()
  const screens = openAtPrompt({
    program: typed => (typed === '\x1b[D' ? '\b' : typed === '\x1b[C' ? typed : plain(typed)),
  })
  screens.write('\r\n$ ')
  screens.wait(2_000)
  screens.type('x')
  screens.wait(2_000)
  screens.type('y')
  screens.type('\x7f')
  assert.deepEqual([screens.seen.line(), screens.seen.column], ['$ x', 3])
  screens.type('z')
  screens.type('\x1b[D')
  assert.deepEqual([screens.seen.line(), screens.seen.column], ['$ xz', 3])
  screens.type('\x1b[C')
  assert.deepEqual([screens.seen.line(), screens.seen.column], ['$ xz', 4])
  for (let at = 0; at < 5; at += 1) screens.type('\x7f')
  assert.deepEqual([screens.seen.line(), screens.seen.column], ['$', 2])
  screens.assertSame()
})

test('what is pasted is not shown before its echo, in brackets or without', () => {
  const screens = openAtPrompt()
  screens.type('pasted all at once')
  assert.equal(screens.seen.line(), '$ a')
  screens.settle()
  screens.type('\x1b[200~b')
  screens.type('c')
  assert.equal(screens.seen.line(), '$ apasted all at once')
})

test('after another size nothing is shown until it is known what is where', () => {
  const screens = openAtPrompt()
  screens.type('b')
  screens.resize(30, 6)
  screens.assertSame()
  screens.settle()
  screens.type('c')
  assert.equal(screens.seen.line(), '$ ab')
  screens.settle()
  screens.write('\x1b[H\x1b[2J$ ')
  screens.wait(2_000)
  screens.type('d')
  screens.wait(2_000)
  screens.type('e')
  assert.equal(screens.seen.line(), '$ de')
  screens.settle()
})

test('nothing is written between the pieces of a character or an order', () => {
  const screens = openAtPrompt({ mode: 'always' })
  screens.write('\x1b[3')
  screens.wait(1_000)
  screens.type('b')
  assert.equal(screens.seen.line(), '$ a')
  screens.write('1mred\x1b[m')
  screens.settle()
  screens.write(Uint8Array.of(0xe6))
  screens.wait(1_000)
  screens.type('c')
  screens.write(Uint8Array.of(0xbc, 0xa2))
  screens.settle()
})

test('after an order that is too long, nothing is shown that might look otherwise', () => {
  const screens = openAtPrompt({ mode: 'always' })
  screens.write(`\x1b[${'1;'.repeat(40)}31m`)
  screens.wait(2_000)
  screens.type('b')
  screens.wait(2_000)
  screens.type('c')
  assert.equal(screens.seen.line(), '$ ab')
  screens.write('\x1b[m')
  screens.settle()
  screens.type('d')
  screens.wait(2_000)
  screens.type('e')
  assert.equal(screens.seen.line(), '$ abcde')
  screens.settle()
})
