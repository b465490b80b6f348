import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatFlowName, parseFlowName } from './flow-header.ts'

const bits32 = fc.integer({ min: 0, max: 0xffff_ffff })

test('parseFlowName() reads what formatFlowName() writes, and that alone', () => {
  fc.assert(
    fc.property(bits32, bits32, (channel, flow) => {
      assert.deepEqual(parseFlowName(formatFlowName({ channel, flow })), { channel, flow })
    }),
  )
  assert.equal(formatFlowName({ channel: 0xc0ffee, flow: 7 }), '00c0ffee.7')
  const wrong = [
    undefined,
    ['00c0ffee.7'],
    '',
    '00c0ffee',
    'c0ffee.7',
    '00C0FFEE.7',
    '00c0ffee.',
    '00c0ffee.07',
  ]
  for (const text of [...wrong, '00c0ffee.-1', '00c0ffee.4294967296', ' 00c0ffee.7', '00c0ffee.7\n'])
    assert.equal(parseFlowName(text), undefined, String(text))
})

test('parseFlowName() gives a name or undefined for any text', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f.]{1,24}$/)), text => {
      const name = parseFlowName(text)
      assert.ok(name === undefined || formatFlowName(name) === text)
    }),
  )
})
