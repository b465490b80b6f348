import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { type FakeDaemons, startFakeDaemons } from '../../testing/fake-daemons.ts'
import { openLab } from '../recorded-world.ts'

const lab = (t: TestContext) => openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS })
const OPEN = ['tunnel', 'open', 'outbound', 'tcp/web']
const PEM = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'

test('tunnel open outbound reads routes, and what is said of all of them', async t => {
  const { ztm, daemons, folder } = await lab(t)
  writeFileSync(folder.file('ca.pem'), PEM)
  const routes = ['--route', 'a.example/v1/*=https://h:1,h:2', '/x=unix:/s', '=3000']
  const more = ['--health', '/ok', '--sticky', '--ca', 'ca.pem', '--server-name', 'n', '--audience', 'me']
  const { stdout, stderr } = await ztm(...OPEN, ...routes, ...more)
  assert.equal(
    stderr + stdout,
    'Outbound tcp/web leads to 3 routes, for its owner alone: --users, --groups or --policies lets others in\n',
  )
  const http = lastHttp(daemons)
  const shared = {
    health: { path: '/ok' },
    sticky: {},
    tls: { caPem: PEM, serverName: 'n' },
    identity: { audience: 'me' },
  }
  const filled = http.routes.map(({ host, path, targets, ...rest }) => {
    assert.deepEqual(
      Object.keys(shared).filter(key => !(key in rest)),
      [],
    )
    return { host, path, targets }
  })
  assert.deepEqual(filled, [
    { host: 'a.example', path: '/v1/*', targets: ['https://h:1', 'h:2'] },
    { host: '*', path: '/x', targets: ['unix:/s'] },
    { host: '*', path: '/*', targets: ['3000'] },
  ])
})

test('tunnel open outbound reads a file of routes, with times and sizes as people write them', async t => {
  const { ztm, daemons, folder } = await lab(t)
  writeFileSync(
    folder.file('routes.yaml'),
    `routes:
  - host: app.example
    targets: [http://127.0.0.1:3000, 3001]
    health: { path: /ok, interval: 5s, expect: 200 }
    sticky: { maxAge: 1h }
    timeouts: { connect: 250ms, total: off }
    maxBody: 10MB
    allow: { groups: staff }
  - { path: /plain, targets: 3002, health: /ok, sticky: true, identity: false }
forwarders: [gateway]
log: true
`,
  )
  assert.equal((await ztm(...OPEN, '-f', 'routes.yaml')).code, 0)
  const http = lastHttp(daemons)
  const [first, second] = http.routes
  const health = { path: '/ok', expect: '200', intervalMs: 5_000, timeoutMs: 5_000, rise: 2, fall: 3 }
  assert.deepEqual(first, {
    host: 'app.example',
    path: '/*',
    targets: ['http://127.0.0.1:3000', '3001'],
    balance: 'round-robin',
    sticky: { cookie: 'ztm-sticky', maxAgeSeconds: 3_600 },
    health,
    allow: { users: [], groups: ['staff'] },
    timeouts: { connectMs: 250, firstByteMs: 60_000, idleMs: 120_000, totalMs: 0 },
    retries: 1,
    maxBodyBytes: 10_000_000,
  })
  assert.deepEqual([second?.identity, second?.sticky], [false, { cookie: 'ztm-sticky' }])
  assert.deepEqual({ ...http, routes: 0 }, { routes: 0, forwarders: ['gateway'], isLogged: true })
})

test('tunnel open outbound says what of its routes is not good', async t => {
  const { ztm, folder } = await lab(t)
  writeFileSync(folder.file('bad.yaml'), 'routes: [{ targets: [1], helth: /x }]')
  for (const [words, message] of [
    [['--route', 'x'], /write \[HOST\]\[\/PATH\]=TARGET/],
    [['--route', '=ftp://x'], /write http:\/\/HOST:PORT/],
    [['--sticky', '--targets', '1'], /--sticky: it is for routes/],
    [['--targets', '1', '--route', '=1'], /one of --targets, --route, --file/],
    [['--route', '=1', '-f', 'bad.yaml'], /--route and --file/],
    [['-f', 'bad.yaml'], /"helth"/],
    [['-f', 'none.yaml'], /there is no such file/],
    [[], /one of --targets, --route, --file/],
  ] as const) {
    const { code, stderr } = await ztm(...OPEN, ...words)
    assert.notEqual(code, 0, words.join(' '))
    assert.match(stderr, message)
  }
})

function lastHttp({ calls }: FakeDaemons): { routes: Record<string, unknown>[] } {
  return (
    (calls.at(-1)?.body as { http?: { routes: Record<string, unknown>[] } } | undefined)?.http ?? {
      routes: [],
    }
  )
}
