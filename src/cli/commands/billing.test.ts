import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import { FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import { openLab } from '../recorded-world.ts'

const lab = (t: TestContext) => openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS + 60_000 })

test('billing report shows what was charged, and where those who counted differ', async t => {
  const { ztm, daemons } = await lab(t)
  const { code, stdout, stderr } = await ztm('billing', 'report', '--since', '1h', '--user', 'bob')
  assert.equal(code, 0)
  const rows = stdout.split('\n').map(line => line.split(/ {2,}/))
  assert.deepEqual(rows.slice(0, 5), [
    ['SERVICE', 'USER', 'HOST', 'SENT', 'RECEIVED', 'TOOK', 'HEARD', 'CHARGED', 'ENDS'],
    ['tcp/web', 'bob', 'root', '10 B', '2.0 MB', '60 s', '6 min ago', 'yes', 'agree'],
    [
      'tcp/web',
      'bob',
      'root',
      '10 B',
      '2.0 MB',
      '60 s',
      '6 min ago',
      'waiting',
      'differ +7 sent, -3 received',
    ],
    ['tcp/web', 'bob', 'root', '10 B', '2.0 MB', '60 s', '6 min ago', 'refused', 'no-dialler'],
    ['tcp/web', 'bob', 'root', '0 B', '0 B', '0 ms', 'open', '', 'nobody'].map(cell => cell || '-'),
  ])
  assert.match(stdout, /^0d2f9d0e\S+ +7f3d4e4e\S+ +6\.0 MB +4\.1 MB +0 B +1\.9 MB$/m)
  assert.match(stdout, /^bob +tcp\/web +2\.50 USD +1\.00 USD +\d+ min ago$/m)
  assert.equal(stderr, '4 streams: 30 B sent, 6.0 MB received; the ends of 1 differ\n')
  const { query } = daemons.calls.find(({ route }) => route === 'agent.listUsage') ?? {}
  assert.deepEqual({ ...query, sinceMs: 0 }, { limit: 200, user: 'bob', sinceMs: 0 })
  const json = JSON.parse((await ztm('billing', 'report', '-o', 'json')).stdout)
  assert.deepEqual([json.total, json.usage.length, json.verdicts.differ], [4, 4, 1])
})

test('billing status says whether usage reaches Commerce, and that billing is off', async t => {
  const { ztm, daemons } = await lab(t)
  const { stdout } = await ztm('billing', 'status')
  assert.match(stdout, /^Streams: +2 metered now, 30 kept$/m)
  assert.match(stdout, /^Commerce: +Cannot record usage "s\.a\.0" at Commerce: it answers 500$/m)
  daemons.answer('agent.listUsage', () => {
    throw new MeshError('unsupported', 'Cannot do this: billing is off: start the hub with --commerce-url')
  })
  const { code, stderr } = await ztm('billing', 'report')
  assert.deepEqual(
    [code, stderr],
    [
      3,
      'ztm: Cannot report usage of mesh "home": billing is off there, so nothing is metered: ' +
        'whoever runs the hub starts it with --commerce-url, see `ztm run hub --help`\n',
    ],
  )
})
