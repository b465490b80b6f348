import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { assertRefused } from '../../testing/refusal.ts'
import { formatAddress } from './address.ts'
import { MeshError } from './errors.ts'
import type { MeshId } from './ids.ts'
import type { Name, UserName } from './names.ts'
import {
  formatPermit,
  formatPermitLink,
  type Permit,
  type PermitLink,
  parsePermit,
  parsePermitLink,
} from './permit.ts'

const pem = (label: string, body: string) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
const CA = pem('CERTIFICATE', 'MIIBcert')
const KEY = pem('PRIVATE KEY', 'MIIBveryprivate')
const TOKEN = `0123456789abcdef${'Tk'.repeat(21)}x`
const MESH = 'abcdefghijklmnopqrstuvwxyz' as MeshId
const WITH_KEY: Permit = {
  ca: CA,
  agent: { certificate: CA, privateKey: KEY },
  bootstraps: ['hub.example:8888'],
}
const WITH_TOKEN: Permit = { ca: CA, agent: {}, bootstraps: ['[::1]:8888', '192.0.2.1:1'], token: TOKEN }

const addresses = fc
  .record({
    host: fc.constantFrom('hub.example', '192.0.2.1', '::1', 'a_b', 'x-1.y'),
    port: fc.integer({ min: 1, max: 65_535 }),
  })
  .map(formatAddress)
const bootstraps = fc.array(addresses, { minLength: 1, maxLength: 16 })
const base64url = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
const tokens = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 16 }),
    fc.string({ unit: base64url, minLength: 43, maxLength: 43 }),
  )
  .map(halves => halves.join(''))
const pems = (label: string) =>
  fc.base64String({ minLength: 4, maxLength: 200 }).map(body => pem(label, body))
const labels = fc.array(fc.constantFrom('home', 'Büro 1', '"quoted"', '{[') as fc.Arbitrary<Name>, {
  maxLength: 4,
})
const permits: fc.Arbitrary<Permit> = fc.oneof(
  fc.record(
    {
      ca: pems('CERTIFICATE'),
      agent: fc.record({ labels }, { requiredKeys: [], noNullPrototype: true }),
      bootstraps,
      token: tokens,
      user: fc.constantFrom('bob', 'x.y') as fc.Arbitrary<UserName>,
      expiresAtMs: fc.nat(),
    },
    { requiredKeys: ['ca', 'agent', 'bootstraps', 'token'], noNullPrototype: true },
  ),
  fc.record(
    {
      ca: pems('CERTIFICATE'),
      agent: fc.record(
        { certificate: pems('CERTIFICATE'), privateKey: pems('PRIVATE KEY') },
        { noNullPrototype: true },
      ),
      bootstraps,
    },
    { noNullPrototype: true },
  ),
)
const links: fc.Arbitrary<PermitLink> = fc.record(
  {
    bootstraps,
    mesh: fc.string({
      unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567'),
      minLength: 26,
      maxLength: 26,
    }),
    token: tokens,
  },
  { noNullPrototype: true },
) as fc.Arbitrary<unknown> as fc.Arbitrary<PermitLink>

function isBadPermit(error: unknown): boolean {
  return error instanceof MeshError && error.code === 'bad-permit'
}

describe('parsePermit()', () => {
  it('gives back what formatPermit() wrote', () => {
    fc.assert(fc.property(permits, permit => assert.deepEqual(parsePermit(formatPermit(permit)), permit)))
    fc.assert(
      fc.property(permits, permit => {
        assert.deepEqual(parsePermit(formatPermit(parsePermit(formatPermit(permit)))), permit)
      }),
    )
  })

  it('takes a permit on one line, with a line feed at its end, with a byte order mark, without agent', () => {
    assert.deepEqual(parsePermit(`\ufeff${JSON.stringify(WITH_KEY)}\r\n`), WITH_KEY)
    assert.deepEqual(parsePermit(`${JSON.stringify(WITH_KEY)}\n`), WITH_KEY)
    assert.deepEqual(parsePermit(JSON.stringify({ ...WITH_TOKEN, agent: undefined })), WITH_TOKEN)
  })

  it('says "cut short" of every part of a permit', () => {
    for (const permit of [WITH_KEY, WITH_TOKEN]) {
      const text = formatPermit(permit)
      assert.deepEqual(parsePermit(text), permit)
      for (let length = 0; length < text.length; length++) {
        assert.throws(
          () => parsePermit(text.slice(0, length)),
          error => isBadPermit(error) && /it is (cut short|empty): /.test(String(error)),
        )
      }
    }
  })

  it('throws bad-permit and nothing else at any truncation or text', () => {
    const texts = fc.oneof(
      fc
        .tuple(permits, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }))
        .map(([permit, part]) => {
          const text = formatPermit(permit)
          return text.slice(0, Math.floor(text.length * part))
        }),
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.uint8Array().map(bytes => new TextDecoder().decode(bytes)),
    )
    fc.assert(
      fc.property(texts, text => assert.throws(() => parsePermit(text), isBadPermit)),
      { numRuns: 1_000 },
    )
  })

  const bad: [string, unknown, RegExp][] = [
    ['not an object', [], /: it is not an object$/],
    ['null', null, /not an object/],
    ['without ca', { ...WITH_KEY, ca: undefined }, /: ca is missing$/],
    ['with a ca that is no PEM', { ...WITH_KEY, ca: 'x' }, /: ca: not PEM text with a CERTIFICATE$/],
    ['with a key as ca', { ...WITH_KEY, ca: KEY }, /: ca: not PEM/],
    [
      'with neither key nor token',
      { ...WITH_TOKEN, token: undefined },
      /: neither agent.privateKey nor token/,
    ],
    [
      'with a key alone',
      { ...WITH_KEY, agent: { privateKey: KEY } },
      /agent.privateKey without agent.certificate/,
    ],
    [
      'with a certificate alone',
      { ...WITH_TOKEN, agent: { certificate: CA } },
      /agent.certificate without agent.priv/,
    ],
    ['without bootstraps', { ...WITH_KEY, bootstraps: undefined }, /: bootstraps is missing$/],
    ['with no bootstrap', { ...WITH_KEY, bootstraps: [] }, /: bootstraps: /],
    ['with 17 bootstraps', { ...WITH_KEY, bootstraps: Array(17).fill('a:1') }, /: bootstraps: /],
    [
      'with a bootstrap without port',
      { ...WITH_KEY, bootstraps: ['a:1', 'hub.example'] },
      /bootstraps.1: Cannot read/,
    ],
    ['with a bootstrap without host', { ...WITH_KEY, bootstraps: ['8888'] }, /bootstraps.0: Cannot read/],
    ['with port 0', { ...WITH_KEY, bootstraps: ['a:0'] }, /bootstraps.0: .*port 1 to/],
    ['with a token that is none', { ...WITH_TOKEN, token: 'secret' }, /: token: not a token$/],
    [
      'with a label that is none',
      { ...WITH_TOKEN, agent: { labels: ['a/b'] } },
      /agent.labels.0: Cannot use label/,
    ],
    ['with a user that is none', { ...WITH_TOKEN, user: 'a b' }, /: user: Cannot use user name/],
    ['with an end that is none', { ...WITH_TOKEN, expiresAtMs: -1 }, /: expiresAtMs: /],
    ['with an unknown part', { ...WITH_KEY, extra: 1 }, /: unknown part "extra"$/],
    ['with an unknown part of agent', { ...WITH_KEY, agent: { key: KEY } }, /: unknown part "agent.key"$/],
  ]
  for (const [name, value, message] of bad) {
    it(`says what is wrong with one ${name}`, () =>
      assertRefused(() => parsePermit(JSON.stringify(value)), 'bad-permit', message))
  }

  it('refuses over 64 KiB before it reads, and other text at once', async () => {
    await assertRefused(() => parsePermit('{'.repeat(65_537)), 'bad-permit', /at most 65536/)
    await assertRefused(
      () => parsePermit('<html></html>'),
      'bad-permit',
      /it is not JSON: copy the whole file/,
    )
    await assertRefused(() => parsePermit(`"${'\\"'.repeat(32_000)}`), 'bad-permit', /cut short/)
  })

  it('repeats no secret in its errors', () => {
    const text = JSON.stringify({ ...WITH_KEY, token: 'veryprivate', extra: 'veryprivate' })
    for (const broken of [text, text.slice(0, -1), `${text}}`, text.replace('"ca"', '"cb"')]) {
      assert.throws(
        () => parsePermit(broken),
        error => isBadPermit(error) && !inspect(error, { depth: 9 }).includes('veryprivate'),
      )
    }
  })

  it('gives a permit whose secrets are not printed by accident', () => {
    for (const permit of [parsePermit(formatPermit(WITH_KEY)), parsePermit(formatPermit(WITH_TOKEN))]) {
      const printed = [
        inspect(permit),
        inspect({ permit }, { depth: 5 }),
        JSON.stringify({ permit }),
        String(permit),
      ]
      for (const text of printed) assert.doesNotMatch(text, /veryprivate|TkTk/)
      assert.match(printed.join(), /\*\*\*/)
    }
  })
})

describe('parsePermitLink()', () => {
  it('gives back what formatPermitLink() wrote', () => {
    fc.assert(fc.property(links, link => assert.deepEqual(parsePermitLink(formatPermitLink(link)), link)))
  })

  it('reads the form in the documents', () => {
    const link = `ztm://hub.example:8888,[2001:db8::1]:443/${MESH}#${TOKEN}`
    const bootstraps = ['hub.example:8888', '[2001:db8::1]:443']
    assert.deepEqual(parsePermitLink(link), { bootstraps, mesh: MESH, token: TOKEN })
    assert.doesNotMatch(inspect(parsePermitLink(link)), /TkTk/)
  })

  it('throws bad-permit at every truncation and any text', () => {
    const link = formatPermitLink({ bootstraps: ['hub.example:8888'], mesh: MESH, token: TOKEN })
    for (let length = 0; length < link.length; length++) {
      assert.throws(() => parsePermitLink(link.slice(0, length)), isBadPermit)
    }
    // Some of these are links after all: then they must be written as they are read.
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }).map(text => `ztm://${text}`),
      fc.string().map(text => `ztm://${text}/${MESH}#${TOKEN}`),
      fc.string().map(text => `ztm://a:1/${text}#${TOKEN}`),
      fc.webUrl(),
    )
    const readsOrRefuses = (text: string) => {
      let parsed: PermitLink
      try {
        parsed = parsePermitLink(text)
      } catch (error) {
        assert.ok(isBadPermit(error), String(error))
        return
      }
      assert.deepEqual(parsePermitLink(formatPermitLink(parsed)), parsed)
    }
    fc.assert(fc.property(texts, readsOrRefuses), { numRuns: 1_000 })
  })

  it('says what is wrong, but not the token', async () => {
    const link = (text: string) => () => parsePermitLink(text)
    await assertRefused(link(`ztm://a:1/${MESH}#${TOKEN}x`), 'bad-permit', /its token is not one/)
    await assertRefused(link(`ztm://a:1/${MESH.slice(1)}#${TOKEN}`), 'bad-permit', /not a mesh id/)
    await assertRefused(link(`ztm://a/${MESH}#${TOKEN}`), 'bad-permit', /write HOST:PORT/)
    await assertRefused(link(`ztm:///${MESH}#${TOKEN}`), 'bad-permit', /write HOST:PORT/)
    await assertRefused(
      link(`ztm://${'a:1,'.repeat(16)}a:1/${MESH}#${TOKEN}`),
      'bad-permit',
      /17 hubs: at most 16/,
    )
    await assertRefused(link(`ztm://${'a'.repeat(9_000)}`), 'bad-permit', /at most 8192/)
  })
})
