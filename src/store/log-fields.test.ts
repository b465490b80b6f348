import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { safeFields } from './log-fields.ts'

describe('safeFields()', () => {
  it('hides fields named like a secret, but not what ends in Id, Count or Ms', () => {
    const names = ['privateKey', 'token', 'sessionToken', 'ticketText', 'clientSecret', 'Password', 'permit']
    const more = ['authorization', 'setCookie', 'KEY', 'token_value', 'ticket']
    for (const name of [...names, ...more]) assert.deepEqual(safeFields({ [name]: 'abc' }), { [name]: '***' })
    const harmless = { ticketId: 't-1', keyCount: 3, tokenMs: 40, peer: 'bob' }
    assert.deepEqual(safeFields(harmless), harmless)
  })

  it('hides text with a private key in it, in lists too', () => {
    const pem = '-----BEGIN EC PRIVATE KEY-----\nMHcC\n'
    assert.deepEqual(safeFields({ error: `cannot read ${pem}`, list: ['a', pem] }), {
      error: '***',
      list: ['a', '***'],
    })
    assert.deepEqual(safeFields({ text: `${'x'.repeat(5_000)}${pem}` }), { text: '***' })
  })

  it('cuts long text and long lists, never through a character', () => {
    const { text, list } = safeFields({ text: `${'x'.repeat(1_023)}😀😀`, list: Array(100).fill('a') })
    assert.equal(text, `${'x'.repeat(1_023)}…`)
    assert.equal((list as string[]).length, 64)
    assert.deepEqual(safeFields({ text: 'x'.repeat(1_024) }), { text: 'x'.repeat(1_024) })
  })

  it('renames fields that every line has', () => {
    assert.deepEqual(safeFields({ time: 1, level: 2, event: 3 }), { time_: 1, level_: 2, event_: 3 })
  })

  it('gives JSON of bounded size for any fields', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 20 }), fc.anything(), { maxKeys: 5 }), fields => {
        const safe = safeFields(fields)
        assert.ok(JSON.stringify(safe).length < 5 * 64 * 1_100 * 6)
        for (const value of Object.values(safe)) {
          assert.ok(
            value === null || ['string', 'number', 'boolean'].includes(typeof value) || Array.isArray(value),
          )
        }
      }),
    )
  })
})
