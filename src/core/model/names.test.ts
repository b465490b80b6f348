import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from './errors.ts'
import {
  isAppService,
  MAX_NAME_LENGTH,
  parseName,
  parseServiceName,
  parseUserName,
  protocolOf,
} from './names.ts'

/** Whether `parse` takes the value; anything but a value or a `bad-name` fails the test. */
function takes(parse: (value: unknown) => string, value: unknown): boolean {
  try {
    assert.equal(typeof parse(value), 'string')
    return true
  } catch (error) {
    assert.ok(error instanceof MeshError, String(error))
    assert.equal(error.code, 'bad-name')
    assert.ok(error.message.length < 400, 'the message is short, whatever the value')
    assert.doesNotMatch(error.message, /[\p{C}\p{Zl}\p{Zp}]/u, 'nothing in the message acts on a terminal')
    return false
  }
}

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
)
const NOT_TEXT: unknown[] = [undefined, null, 1, 10n, true, Symbol('x'), {}, [], ['bob'], () => 'bob']

test('parseName() takes names in any script', () => {
  const names = [
    'home',
    'my laptop',
    'büro-2',
    '家',
    'Ελλάδα',
    'مكتب',
    '🏠',
    'a.b_c-d',
    '(1)',
    "Bob's",
    '-',
    '...',
  ]
  for (const name of names) assert.equal(parseName(name), name)
})

test('parseName() refuses empty, overlong and path-like names', () => {
  for (const name of [
    '',
    'x'.repeat(65),
    '.',
    '..',
    'a/b',
    'a\\b',
    '/',
    ' a',
    'a ',
    ' ',
    '\u3000',
    'a\u00a0',
  ]) {
    assert.equal(takes(parseName, name), false, JSON.stringify(name))
  }
  assert.equal(parseName('x'.repeat(MAX_NAME_LENGTH)).length, MAX_NAME_LENGTH)
})

test('parseName() refuses control characters and lone surrogates', () => {
  for (const name of [
    'a\nb',
    'a\0',
    '\u001b[2J',
    'a\u007fb',
    'a\u009bb',
    '\ud800',
    'a\udc00b',
    '\udc00\ud800',
  ]) {
    assert.equal(takes(parseName, name), false, JSON.stringify(name))
  }
})

test('parseName() refuses characters that nobody sees or that reorder text', () => {
  const hidden = [
    '\u00ad', // soft hyphen
    '\u034f', // grapheme joiner
    '\u061c', // Arabic letter mark
    '\u115f', // Hangul fillers
    '\u1160',
    '\u3164',
    '\uffa0',
    '\u180e', // Mongolian vowel separator
    '\u200b', // zero width
    '\u200d',
    '\u200e', // direction
    '\u202e',
    '\u2028', // line and paragraph ends
    '\u2029',
    '\u2060',
    '\u2066',
    '\u206f',
    '\u2800', // Braille blank
    '\ufe0f', // variation selectors
    '\u{e0101}',
    '\ufeff',
    '\ufffc', // what stands for an object, and for what could not be read
    '\ufffd',
    '\ufdd0', // no characters
    '\u{1ffff}',
    '\ue000', // private use: looks as the font likes
    '\u{e0041}', // tags: a text within the text
  ]
  const taken = hidden.filter(character => takes(parseName, `a${character}b`))
  assert.deepEqual(
    taken.map(character => character.codePointAt(0)?.toString(16)),
    [],
  )
})

test('parseName() makes one name of the ways to compose a letter', () => {
  const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301']
  assert.equal(parseName(decomposed), composed)
  assert.equal(parseName(composed), composed)
  // 64 letters that composition makes longer: the limit holds for what comes out.
  assert.equal(takes(parseName, '\u0958'.repeat(64)), false)
})

test('parseName() refuses what is not text', () => {
  for (const value of NOT_TEXT) assert.equal(takes(parseName, value), false)
})

test('parseName() gives a name that it takes again unchanged, or a MeshError, for any text', () => {
  fc.assert(
    fc.property(anyText, text => {
      if (!takes(parseName, text)) return
      const name = parseName(text)
      assert.equal(parseName(name), name)
      assert.equal(name, text.normalize('NFC'))
      assert.ok(name.length >= 1 && name.length <= MAX_NAME_LENGTH && name.isWellFormed())
      assert.equal(encodeURIComponent(name).includes('/'), false)
    }),
  )
})

test('parseUserName() takes letters, digits, dots, dashes and underscores', () => {
  for (const name of ['bob', 'Bob.Smith', 'a-b_c', '0', '.bob', '-', 'x'.repeat(64)]) {
    assert.equal(parseUserName(name), name)
  }
})

test('parseUserName() refuses everything else', () => {
  const texts = [
    '',
    '.',
    '..',
    '...',
    'x'.repeat(65),
    'bob smith',
    'böb',
    'bob/x',
    'bob\n',
    'bob%2f',
    '*',
    'a@b',
  ]
  for (const value of [...texts, ...NOT_TEXT]) assert.equal(takes(parseUserName, value), false)
})

test('parseUserName() gives the text itself or a MeshError, for any text', () => {
  fc.assert(
    fc.property(fc.oneof(anyText, fc.stringMatching(/^[A-Za-z0-9._-]{1,70}$/)), text => {
      if (takes(parseUserName, text)) assert.match(text, /^[\w.-]{1,64}$/)
    }),
  )
})

test('parseServiceName() takes tcp/NAME and udp/NAME', () => {
  for (const name of ['tcp/web', 'udp/dns', 'tcp/my web', 'tcp/家', `udp/${'x'.repeat(64)}`]) {
    assert.equal(parseServiceName(name), name)
  }
  assert.equal(parseServiceName('tcp/cafe\u0301'), 'tcp/caf\u00e9')
})

test('parseServiceName() refuses everything else', () => {
  const texts = [
    '',
    'tcp',
    'tcp/',
    '/web',
    'http/web',
    'TCP/web',
    'tcp/a/b',
    'tcp//a',
    'tcp /a',
    'tcp/ a',
    'tcp/..',
  ]
  for (const value of [...texts, 'tcp/\u202e', `tcp/${'x'.repeat(65)}`, ...NOT_TEXT]) {
    assert.equal(takes(parseServiceName, value), false, String(value))
  }
})

test('parseServiceName() keeps protocol and name apart, for any name', () => {
  fc.assert(
    fc.property(fc.constantFrom('tcp', 'udp'), anyText, (protocol, text) => {
      const service = `${protocol}/${text}`
      assert.equal(takes(parseServiceName, service), takes(parseName, text))
      if (!takes(parseServiceName, service)) return
      assert.equal(parseServiceName(service), `${protocol}/${parseName(text)}`)
      assert.equal(protocolOf(parseServiceName(service)), protocol)
    }),
  )
})

test('the name parsers give a value or a MeshError, for any value', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withNullPrototype: true, withDate: true }), value => {
      for (const parse of [parseName, parseUserName, parseServiceName]) {
        if (takes(parse, value)) assert.equal(typeof value, 'string')
      }
    }),
  )
})

test('isAppService() tells services of apps from those of people', () => {
  const found = ['tcp/.terminal.bob', 'udp/.x', 'tcp/web', 'tcp/a.b'].map(name =>
    isAppService(parseServiceName(name)),
  )
  assert.deepEqual(found, [true, true, false, false])
})
