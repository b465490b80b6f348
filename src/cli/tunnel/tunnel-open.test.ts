import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { FAKE_IDS, FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { type FakeDaemons, startFakeDaemons } from '../../testing/fake-daemons.ts'
import { openLab, type RecordedWorldOptions } from '../recorded-world.ts'

const lab = (t: TestContext, options: Partial<RecordedWorldOptions> = {}) =>
  openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS + 60_000, ...options })

const sent = (daemons: FakeDaemons, route: string) => daemons.calls.filter(call => call.route === route)

test('tunnel open inbound reads listens, ranges and exits by name', async t => {
  const { ztm, daemons } = await lab(t)
  const words = ['--listen', '8000-8002', '0.0.0.0:9', '[::1]:10', '--exits', 'office', FAKE_IDS.laptop]
  const { code, stdout } = await ztm('ep', 'home/office', 'tunnel', 'open', 'in', 'tcp/web', ...words)
  assert.equal(code, 0)
  assert.equal(stdout, 'Inbound tcp/web listens on 127.0.0.1:8000-8002,0.0.0.0:9,[::1]:10\n')
  const [call] = sent(daemons, 'tunnel.openInbound')
  assert.deepEqual(call?.params, { endpoint: 'office', protocol: 'tcp', name: 'web' })
  assert.deepEqual(call?.body, {
    listens: [
      { ip: '127.0.0.1', port: 8_000 },
      { ip: '127.0.0.1', port: 8_001 },
      { ip: '127.0.0.1', port: 8_002 },
      { ip: '0.0.0.0', port: 9 },
      { ip: '::1', port: 10 },
    ],
    exits: [FAKE_IDS.office, FAKE_IDS.laptop],
  })
})

test('tunnel open inbound says which listen is not open, and ends with its code', async t => {
  const { ztm, daemons } = await lab(t)
  daemons.answer('tunnel.openInbound', () => ({
    ...(FAKE_INBOUND as object),
    listens: [{ ip: '127.0.0.1', port: 80, isOpen: false, error: 'the port is in use', connectionCount: 0 }],
  }))
  const { code, stderr } = await ztm('tunnel', 'open', 'inbound', 'tcp/web', '--listen', '80')
  assert.equal(stderr, 'ztm: Cannot listen on 127.0.0.1:80: the port is in use\n')
  assert.equal(code, 6)
})

const FAKE_INBOUND = {
  protocol: 'tcp',
  name: 'web',
  exits: [],
  connectionCount: 0,
  totalCount: 0,
  failedCount: 0,
  sentBytes: 0,
  receivedBytes: 0,
  droppedCount: 0,
}

test('tunnel open outbound reads targets, entrances, users and balance', async t => {
  const { ztm, daemons } = await lab(t)
  await ztm(
    'tunnel',
    'open',
    'outbound',
    'tcp/web',
    '--targets',
    'db:1',
    '[::1]:2',
    'unix:/run/x',
    '--users',
    '*',
    '--groups',
    'ops',
    'sales',
    '--entrances',
    'office',
  )
  await ztm(
    'tunnel',
    'open',
    'out',
    'udp/r',
    '--targets',
    'h:10-11',
    '--balance=least-connections',
    '--no-probe',
  )
  assert.deepEqual(
    sent(daemons, 'tunnel.openOutbound').map(({ body }) => body),
    [
      {
        targets: [{ host: 'db', port: 1 }, { host: '::1', port: 2 }, { unix: '/run/x' }],
        entrances: [FAKE_IDS.office],
        users: ['*'],
        groups: ['ops', 'sales'],
        balance: 'round-robin',
        isRange: false,
        isProbed: true,
      },
      {
        targets: [
          { host: 'h', port: 10 },
          { host: 'h', port: 11 },
        ],
        entrances: [],
        users: [],
        balance: 'least-connections',
        isRange: true,
        isProbed: false,
      },
    ],
  )
  assert.equal((await ztm('tunnel', 'open', 'out', 'udp/x', '--targets', 'unix:/run/x')).code, 2)
})

test('tunnel pause and resume say what they did, and ports what listens there', async t => {
  const { ztm, daemons } = await lab(t)
  const paused = await ztm('ep', 'office', 'tunnel', 'pause', 'in', 'tcp/web')
  assert.equal(
    paused.stdout,
    'Inbound tcp/web is paused, also after a restart: go on with `ztm tunnel resume inbound tcp/web`\n',
  )
  assert.equal((await ztm('tunnel', 'resume', 'outbound', 'tcp/web')).stdout, 'Outbound tcp/web goes on\n')
  assert.deepEqual(sent(daemons, 'tunnel.pauseInbound')[0]?.body, { isPaused: true })
  assert.deepEqual(sent(daemons, 'tunnel.pauseOutbound')[0]?.body, { isPaused: false })
  const { stdout } = await ztm('tunnel', 'ports')
  assert.equal(stdout, 'PORT  ADDRESS    PROGRAM\n22    (all)      -\n5432  127.0.0.1  postgres\n')
})
