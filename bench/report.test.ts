import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sample } from './figures.ts'
import { figuresTable, formatFigure, formatReport, ratiosTable, rolesTable } from './report.ts'

function sample(contestant: string, round: number, value: number, more: Partial<Sample> = {}): Sample {
  return { contestant, round, measure: 'send-1', value, ...more }
}

test('formatFigure() shows three figures that count', () => {
  assert.deepEqual([0, 0.0312, 0.456, 3.146, 61.24, 6_615.4, Number.NaN].map(formatFigure), [
    '0',
    '0.031',
    '0.46',
    '3.15',
    '61.2',
    '6,615',
    '',
  ])
})

test('figuresTable() shows medians, adds up failures, and leaves out what nobody was measured at', () => {
  const samples = [
    sample('plain', 1, 30),
    sample('ztm', 1, 1),
    sample('ztm', 2, 3),
    sample('ztm', 1, 2, { measure: 'failures' }),
    sample('ztm', 1, 0, { measure: 'failures' }),
    sample('ztm', 2, 3, { measure: 'failures' }),
  ]
  assert.equal(
    figuresTable(samples, ['plain', 'ztm']),
    [
      '|  | plain | ztm |',
      '| --- | ---: | ---: |',
      '| throughput, send, 1 stream, Gbit/s | 30.0 | 2.00 |',
      '| connections and requests that failed |  | 5 |',
    ].join('\n'),
  )
})

test('ratiosTable() says of each ratio whether less is better', () => {
  const samples = [
    sample('ztm', 1, 3),
    sample('ssh -L', 1, 6),
    sample('ztm', 1, 4, { measure: 'echo-p50' }),
    sample('ssh -L', 1, 2, { measure: 'echo-p50' }),
  ]
  assert.equal(
    ratiosTable(samples, ['ssh -L']),
    [
      '|  | : ssh -L |',
      '| --- | ---: |',
      '| throughput, send, 1 stream | 0.50× |',
      '| 1-byte echo on an open connection, p50 ↓ | 2.00× |',
    ].join('\n'),
  )
})

test('rolesTable() has a row for each process', () => {
  const samples = [
    sample('ztm', 1, 5),
    sample('ztm', 1, 80, { measure: 'rss-idle', role: 'hub' }),
    sample('ztm', 2, 84, { measure: 'rss-idle', role: 'hub' }),
  ]
  const rows = rolesTable(samples, ['ztm']).split('\n')
  assert.deepEqual(rows.slice(2), ['| ztm: hub |  |  |  |  | 82.0 |  |  |  |'])
})

test('formatReport() marks a quick run, and says how far the generator is from the limit', () => {
  const report = formatReport({
    date: '2026-11-20 20:00 UTC',
    facts: ['machine: two cores'],
    rounds: 1,
    isQuick: true,
    contestants: [
      { name: 'plain', shape: 'nothing' },
      { name: 'ztm', shape: 'three processes' },
    ],
    samples: [sample('plain', 1, 20), sample('ztm', 1, 4)],
    notes: ['ZTM 2.0 did not take part'],
  })
  assert.match(report, /not figures to quote/)
  assert.match(report, /move 20\.0 Gbit\/s, 5\.00 times what the fastest contestant does/)
  assert.match(report, /^- ZTM 2\.0 did not take part$/m)
})
