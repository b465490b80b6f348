import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fitsIfNoneMatch, fitsIfRange, formatAttachment, parseByteRange } from './byte-range.ts'

test('parseByteRange() reads one range as RFC 9110 has it', () => {
  const cases: readonly [string | undefined, number, unknown][] = [
    [undefined, 10_000, 'all'],
    ['bytes=0-499', 10_000, { start: 0, end: 500 }],
    ['bytes=500-999', 10_000, { start: 500, end: 1_000 }],
    ['bytes=-500', 10_000, { start: 9_500, end: 10_000 }],
    ['bytes=9500-', 10_000, { start: 9_500, end: 10_000 }],
    ['bytes=0-0', 10_000, { start: 0, end: 1 }],
    ['BYTES= 1-2 ', 10_000, { start: 1, end: 3 }],
    // The end is cut to what there is.
    ['bytes=9999-20000', 10_000, { start: 9_999, end: 10_000 }],
    ['bytes=-20000', 10_000, { start: 0, end: 10_000 }],
    ['bytes=10000-', 10_000, 'unsatisfiable'],
    ['bytes=-0', 10_000, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=-5', 0, 'unsatisfiable'],
  ]
  for (const [header, size, range] of cases) assert.deepEqual(parseByteRange(header, size), range, header)
})

test('parseByteRange() gives all for what is no single range', () => {
  const odd = [
    'bytes=-',
    'bytes=5-4',
    'bytes=0-1,4-5',
    'items=0-1',
    'bytes=a-b',
    'bytes=+1-2',
    'bytes=0x1-2',
    '',
  ]
  for (const header of [...odd, `bytes=${'9'.repeat(16)}-`])
    assert.equal(parseByteRange(header, 10), 'all', header)
})

test('parseByteRange() never leads out of the content', () => {
  const number = fc.oneof(fc.constant(''), fc.nat({ max: 40 }).map(String))
  fc.assert(
    fc.property(number, number, fc.nat({ max: 30 }), (first, last, size) => {
      const range = parseByteRange(`bytes=${first}-${last}`, size)
      if (typeof range === 'string') return
      assert.ok(0 <= range.start && range.start < range.end && range.end <= size)
    }),
  )
})

test('a range is kept to only while the content is the same', () => {
  assert.ok(fitsIfRange(undefined, '"a"') && fitsIfRange('"a"', '"a"'))
  assert.ok(!fitsIfRange('"b"', '"a"') && !fitsIfRange('W/"a"', '"a"'))
  assert.ok(!fitsIfRange('Sat, 29 Oct 1994 19:43:31 GMT', '"a"'))
  assert.ok(fitsIfNoneMatch('"b", W/"a"', '"a"') && fitsIfNoneMatch('*', '"a"'))
  assert.ok(!fitsIfNoneMatch(undefined, '"a"') && !fitsIfNoneMatch('"b"', '"a"'))
})

test('formatAttachment() lets no name out of its quotes or its header', () => {
  assert.equal(formatAttachment('plan.odt'), `attachment; filename="plan.odt"; filename*=UTF-8''plan.odt`)
  assert.equal(
    formatAttachment('a"; x=y\r\nSet-Cookie: z'),
    `attachment; filename="a__ x=y__Set-Cookie_ z"; filename*=UTF-8''a%22%3B%20x%3Dy%0D%0ASet-Cookie%3A%20z`,
  )
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 0xffff })).map(units => String.fromCharCode(...units)),
      name => {
        assert.match(
          formatAttachment(name),
          /^attachment; filename="[\w .()+,@=-]*"; filename\*=UTF-8''[\w.!~%-]*$/,
        )
      },
    ),
  )
})
