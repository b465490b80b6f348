import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outboundSettingShape } from '../../apps/tunnel/messages.ts'
import { draftsOf, emptyRoute, routeWords, settingOf } from './http-routes.ts'

const httpSettingShape = outboundSettingShape.shape.http.unwrap()
const FULL = httpSettingShape.parse({
  routes: [
    {
      host: 'example.com',
      path: '/v1/*',
      targets: ['https://10.0.0.1', 'https://10.0.0.2'],
      balance: 'least-connections',
      stripPrefix: '/v1',
      hostHeader: 'inner',
      tls: { caPem: '-----BEGIN CERTIFICATE-----', serverName: 'inner' },
      sticky: { cookie: 'mine', maxAgeSeconds: 60 },
      health: { path: '/up', expect: '200', intervalMs: 2_000 },
      identity: { audience: 'shop' },
      allow: { users: ['bob'] },
      timeouts: { totalMs: 5_000 },
      retries: 0,
      maxBodyBytes: 1_000,
    },
    { targets: ['http://127.0.0.1:80'], identity: false },
  ],
  forwarders: ['gate'],
  isLogged: true,
})

test('what a form does not show of a route stays, and what it shows is as it was', () => {
  assert.deepEqual(httpSettingShape.parse(settingOf(draftsOf(FULL), FULL)), FULL)
  const [first] = draftsOf(FULL)
  assert.ok(first)
  const { routes } = httpSettingShape.parse(
    settingOf([{ ...first, health: '', isSticky: false, caPem: '', serverName: '', audience: '' }]),
  )
  const { health, sticky, tls, identity, timeouts } = routes[0] ?? {}
  assert.deepEqual([health, sticky, tls, identity], [undefined, undefined, undefined, undefined])
  assert.equal(timeouts?.totalMs, 5_000)
})

test('the command says routes in words where it can, else in a file', () => {
  const plain = { ...emptyRoute(0), targets: ['http://127.0.0.1:3000'] }
  const api = { ...plain, path: '/api/*', targets: ['http://a:1', 'http://b:2'] }
  assert.deepEqual(routeWords(settingOf([plain, api])), {
    words: ['--route', '/*=http://127.0.0.1:3000', '/api/*=http://a:1,http://b:2'],
  })
  const more = { health: '/up', isSticky: true, caPem: FULL.routes[0]?.tls?.caPem ?? '', audience: 'x' }
  assert.deepEqual(routeWords(settingOf([{ ...plain, host: 'example.com', ...more }])).words, [
    ...['--route', 'example.com=http://127.0.0.1:3000', '--health', '/up', '--sticky'],
    ...['--audience', 'x', '--ca', 'ca.pem'],
  ])
  const { words, file = '' } = routeWords(settingOf(draftsOf(FULL), FULL))
  assert.deepEqual(words, ['-f', 'routes.yaml'])
  const said = JSON.parse(file)
  assert.deepEqual(
    [said.routes[0].health.interval, said.routes[0].sticky.maxAge, said.log],
    ['2000ms', '60s', true],
  )
  // Not alike: one has no token.
  assert.deepEqual(routeWords(settingOf([plain, { ...api, tellsCaller: false }])).words, [
    '-f',
    'routes.yaml',
  ])
})
