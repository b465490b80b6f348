import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { formatLogLine, isShown, LOG_LEVELS, type LogLine, parseLogLine } from './log-line.ts'

describe('parseLogLine()', () => {
  it('reads back a line as it is written', () => {
    const text =
      '{"level":"warn","time":"2026-11-20T19:22:01.007Z","event":"a.b","peer":"bob","n":1,"l":["x"],"u":null}'
    assert.deepEqual(parseLogLine(text), {
      timeMs: Date.UTC(2026, 10, 20, 19, 22, 1, 7),
      level: 'warn',
      event: 'a.b',
      fields: { peer: 'bob', n: 1, l: ['x'], u: null },
    })
  })

  it('gives undefined for what is no line of a log', () => {
    const line = '{"level":"info","time":"2026-11-20T19:22:01.007Z","event":"a.b"}'
    assert.notEqual(parseLogLine(line), undefined)
    const others = ['', 'x', '[]', 'null', '7', line.slice(0, -1), line.replace('info', 'fatal')]
    for (const text of [...others, line.replace('2026', 'year'), line.replace('"a.b"', '1')]) {
      assert.equal(parseLogLine(text), undefined, text)
    }
  })

  it('never throws and keeps only values of a log', () => {
    const field = fc.dictionary(fc.string(), fc.jsonValue())
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          field.map(f => JSON.stringify({ ...HEAD, ...f })),
        ),
        text => {
          for (const value of Object.values(parseLogLine(text)?.fields ?? {})) {
            assert.ok(value === null || typeof value !== 'object' || Array.isArray(value))
          }
        },
      ),
    )
  })
})

describe('formatLogLine()', () => {
  it('shows time, level, event and fields', () => {
    const fields = {
      peer: 'bob',
      rttMs: 3,
      isDirect: false,
      user: null,
      no: undefined,
      hubs: ['a', 'b c'],
      none: [],
    }
    assert.equal(
      formatLogLine(lineOf(fields)),
      '2026-11-20 19:22:01 info link.opened peer=bob rttMs=3 isDirect=false user=null hubs=[a,"b c"] none=[]',
    )
  })

  it('quotes what would be taken for something else', () => {
    assert.match(
      formatLogLine(lineOf({ a: 'x=1 b=2', c: '', d: 'a"b', e: '[]' })),
      / a="x=1 b=2" c="" d="a\\"b" e="\[\]"$/,
    )
  })

  it('escapes whatever moves the cursor, begins a line or reorders text', () => {
    const shown = formatLogLine(lineOf({ a: '\u001b[2J\r\n\u009b\u202e\u2028\u0000\u{e0001}' }))
    assert.match(shown, / a="\\u001b\[2J\\r\\n\\u009b\\u202e\\u2028\\u0000\\udb40\\udc01"$/)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, value) => {
        assert.doesNotMatch(formatLogLine(lineOf({ [name]: value, list: [value] })), /[\p{C}\p{Zl}\p{Zp}]/u)
      }),
    )
  })
})

describe('isShown()', () => {
  it('agrees with the order of the levels', () => {
    const shown = (least: LogLine['level']) => LOG_LEVELS.filter(level => isShown(level, least))
    assert.deepEqual(shown('debug'), ['debug', 'info', 'warn', 'error'])
    assert.deepEqual(shown('error'), ['error'])
  })
})

function lineOf(fields: LogLine['fields']): LogLine {
  return { timeMs: new Date(2026, 10, 20, 19, 22, 1).getTime(), level: 'info', event: 'link.opened', fields }
}

const HEAD = { level: 'info', time: '2026-11-20T19:22:01.007Z', event: 'a.b' }
