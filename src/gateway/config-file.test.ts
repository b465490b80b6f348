import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGatewayConfig } from './config-file.ts'

const GOOD = `
listeners:
  - { kind: http, listen: ':80' }
routes:
  - path: /v1/*
    service: my-svc
    timeouts: { firstByte: 250ms, total: 2h }
    maxBody: 10MB
`

test('parseGatewayConfig() fills defaults in and reads times, sizes and services', () => {
  const { routes, listeners } = parseGatewayConfig(GOOD)
  assert.deepEqual(listeners, [{ kind: 'http', listen: { host: '*', port: 80 }, redirectToHttps: false }])
  const [route] = routes
  assert.equal(route?.service, 'tcp/my-svc')
  assert.equal(route?.host, '*')
  assert.deepEqual(route?.timeouts, { connect: 10_000, firstByte: 250, idle: 120_000, total: 7_200_000 })
  assert.equal(route?.maxBody, 10_000_000)
})

const wrong: [what: string, text: string, message: RegExp][] = [
  ['an unknown key', `${GOOD}    servise: x\n`, /gateway\.yaml:5: routes\.0: Unrecognized key: "servise"/],
  [
    'a bad time',
    GOOD.replace('250ms', 'soon'),
    /gateway\.yaml:7: routes\.0\.timeouts\.firstByte: write a time like/,
  ],
  ['a bad size', GOOD.replace('10MB', '10 apples'), /gateway\.yaml:8: routes\.0\.maxBody: write a size like/],
  [
    'a bad service',
    GOOD.replace('my-svc', 'udp/x'),
    /:6: routes\.0\.service: a service of tcp is needed here/,
  ],
  ['a key twice', `${GOOD}    maxBody: 1\n`, /Map keys must be unique/],
  ['YAML that is none', 'listeners: [', /Cannot use gateway\.yaml/],
  ['https without certificates', GOOD.replace('kind: http', 'kind: https'), /needs certificates/],
  ['routes that fit the same', `${GOOD}  - { path: /v1/*, service: b }\n`, /fit the same requests/],
  ['a limit by subject without auth', `${GOOD}    rateLimit: { perSecond: 1, by: subject }\n`, /needs auth/],
  ['a prefix that is not one', `${GOOD}    stripPrefix: /v2\n`, /must begin with it/],
  ['credentials for anybody', `${GOOD}    cors: { origins: ['*'], credentials: true }\n`, /by name/],
  [
    'a bomb of aliases',
    `a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [${'*a,'.repeat(60)}*a]\nc: [${'*b,'.repeat(60)}*b]\n`,
    /./,
  ],
]
for (const [what, text, message] of wrong) {
  test(`parseGatewayConfig() refuses ${what}, and says where`, () => {
    assert.throws(
      () => parseGatewayConfig(text),
      (error: Error) => {
        assert.match(error.message, message)
        return true
      },
    )
  })
}
