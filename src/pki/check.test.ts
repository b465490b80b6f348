import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { type ErrorCode, MeshError } from '../core/model/errors.ts'
import { type Identity, parseSpiffeId } from '../core/model/spiffe-id.ts'
import { type Forgery, forgeCertificate } from '../testing/forge-certificate.ts'
import { type CheckOptions, checkChain, checkRootForMesh, meshIdOf, readIdentity } from './check.ts'
import { createKeyPair, type KeyPair, readPublicKeyPem } from './key-pair.ts'
import { meshIdOfKey } from './mesh-id.ts'
import type { X509Library } from './x509-library.ts'

const NOW = Date.UTC(2026, 5, 1)
const DAY = 86_400_000
const UUID = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'

/** Everything a chain is made of; a test changes one thing. */
interface Parts {
  readonly root?: Partial<Forgery>
  readonly intermediate?: Partial<Forgery>
  readonly leaf?: Partial<Forgery>
}

let rootKeys: KeyPair
let intermediateKeys: KeyPair
let leafKeys: KeyPair
let mesh: string
let rootPem: string

before(async () => {
  ;[rootKeys, intermediateKeys, leafKeys] = await Promise.all([
    createKeyPair(),
    createKeyPair(),
    createKeyPair(),
  ])
  mesh = meshIdOfKey(readPublicKeyPem(rootKeys.publicKeyPem))
  rootPem = (await forge({})).root
})

async function forge({ root, intermediate, leaf }: Parts) {
  const life = { fromMs: NOW - DAY, untilMs: NOW + DAY }
  const top = { subject: 'root', keys: rootKeys }
  const middle = { subject: 'intermediate', keys: intermediateKeys }
  const authority = { ...life, uris: [`spiffe://${mesh}`], isCa: true }
  const all = await Promise.all([
    forgeCertificate({ ...authority, ...top, issuer: top, pathLength: 1, ...root }),
    forgeCertificate({ ...authority, ...middle, issuer: top, pathLength: 0, ...intermediate }),
    forgeCertificate({
      ...life,
      subject: 'bob',
      keys: leafKeys,
      issuer: middle,
      uris: [endpointOf(mesh)],
      ...leaf,
    }),
  ])
  return { root: all[0], intermediate: all[1], leaf: all[2], chain: `${all[2]}${all[1]}` }
}

function endpointOf(trustDomain: string): string {
  return `spiffe://${trustDomain}/user/bob/endpoint/${UUID}`
}

function check(chainPem: string, options: Partial<CheckOptions> = {}) {
  return checkChain(chainPem, { rootPem, now: NOW, ...options })
}

function refuses(run: () => unknown, code: ErrorCode, message: RegExp): void {
  assert.throws(run, error => {
    assert.ok(error instanceof MeshError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  })
}

describe('checkChain() of good chains', () => {
  it('gives identity, key, serial and times of an endpoint', async () => {
    const { chain, leaf } = await forge({})
    assert.deepEqual(check(chain, { expect: ['endpoint'] }), {
      identity: parseSpiffeId(endpointOf(mesh)),
      issuedAtMs: NOW - DAY + 300_000,
      expiresAtMs: NOW + DAY,
      publicKeyPem: leafKeys.publicKeyPem,
      serial: new X509Certificate(leaf).serialNumber.toLowerCase(),
    })
  })

  it('gives the identity of a hub with host names, and of a permit', async () => {
    const hub = `spiffe://${mesh}/hub/${UUID}`
    const permit = `spiffe://${mesh}/user/root/permit/${UUID}`
    const ofHub = await forge({ leaf: { uris: [hub], hosts: ['a.example', 'b.example'] } })
    const ofPermit = await forge({ leaf: { uris: [permit], purposes: ['clientAuth'] } })
    assert.deepEqual(check(ofHub.chain).identity, parseSpiffeId(hub))
    assert.deepEqual(check(ofPermit.chain).identity, parseSpiffeId(permit))
  })

  it('takes CRLF line ends and the last millisecond of its life', async () => {
    const { chain } = await forge({})
    assert.equal(check(chain.replaceAll('\n', '\r\n')).identity.kind, 'endpoint')
    assert.equal(check(chain, { now: NOW + DAY }).identity.kind, 'endpoint')
    assert.equal(check(chain, { now: NOW - DAY }).identity.kind, 'endpoint')
  })
})

describe('checkChain() refuses by time', () => {
  it('what has ended, naming both clocks', async () => {
    const { chain } = await forge({ leaf: { untilMs: NOW - 1_000 } })
    refuses(
      () => check(chain),
      'certificate-expired',
      /ended 2026-05-31T23:59:59.000Z, .* says 2026-06-01T00:00:00.000Z/,
    )
  })

  it('what has not begun, naming both clocks', async () => {
    const { chain } = await forge({ leaf: { fromMs: NOW + 1_000 } })
    refuses(
      () => check(chain),
      'certificate-expired',
      /begins 2026-06-01T00:00:01.000Z, .* says 2026-06-01T00:00:00.000Z/,
    )
  })

  it('a good leaf of an intermediate or root that has ended', async () => {
    const { chain } = await forge({ intermediate: { untilMs: NOW - 1 } })
    refuses(() => check(chain), 'certificate-expired', /ended/)
    const old = await forge({ root: { untilMs: NOW - 1 } })
    refuses(() => check(old.chain, { rootPem: old.root }), 'certificate-expired', /ended/)
  })

  it('everything when this computer has no time', async () => {
    const { chain } = await forge({})
    refuses(() => check(chain, { now: Number.NaN }), 'certificate-expired', /says no time/)
  })
})

describe('checkChain() refuses foreign chains', () => {
  it('of another authority with the same names', async () => {
    const [foreignRoot, foreignMiddle] = [await createKeyPair(), await createKeyPair()]
    const foreign = await forge({
      root: { keys: foreignRoot, issuer: { subject: 'root', keys: foreignRoot } },
      intermediate: { keys: foreignMiddle, issuer: { subject: 'root', keys: foreignRoot } },
      leaf: { issuer: { subject: 'intermediate', keys: foreignMiddle } },
    })
    refuses(() => check(foreign.chain), 'not-trusted', /not issued by this mesh/)
    // The foreign root itself: its chain holds together, but it speaks for a mesh id that is not its own.
    refuses(() => check(foreign.chain, { rootPem: foreign.root }), 'not-trusted', /names another mesh/)
  })

  it('with key ids copied from ours and a signature that is not', async () => {
    const forger = await createKeyPair()
    const { leaf, intermediate } = await forge({
      leaf: {
        issuer: {
          subject: 'intermediate',
          keys: { ...intermediateKeys, privateKeyPem: forger.privateKeyPem },
        },
      },
    })
    refuses(() => check(`${leaf}${intermediate}`), 'not-trusted', /not issued by this mesh/)
  })

  it('with a good signature and the name or key id of another issuer', async () => {
    const renamed = await forge({ leaf: { issuer: { subject: 'other', keys: intermediateKeys } } })
    refuses(() => check(renamed.chain), 'not-trusted', /not issued by this mesh/)
    const misled = { ...intermediateKeys, publicKeyPem: leafKeys.publicKeyPem }
    const rekeyed = await forge({ leaf: { issuer: { subject: 'intermediate', keys: misled } } })
    refuses(() => check(rekeyed.chain), 'not-trusted', /not issued by this mesh/)
  })

  it('signed by themselves', async () => {
    const self = { subject: 'bob', keys: leafKeys }
    const { leaf, chain } = await forge({ leaf: { issuer: self } })
    refuses(() => check(chain), 'not-trusted', /not issued/)
    refuses(() => check(`${leaf}${leaf}`), 'not-trusted', /may not sign/)
  })

  it('signed by a leaf', async () => {
    const signer = await forge({})
    const victim = await createKeyPair()
    const { leaf } = await forge({ leaf: { keys: victim, issuer: { subject: 'bob', keys: leafKeys } } })
    refuses(() => check(`${leaf}${signer.leaf}`), 'not-trusted', /may not sign/)
  })

  it('that name another mesh under this root', async () => {
    const { chain } = await forge({ leaf: { uris: [endpointOf('abcdefghijklmnopqrstuvwxyz')] } })
    refuses(() => check(chain), 'not-trusted', /names another mesh/)
  })
})

describe('checkChain() refuses by flags', () => {
  const cases: [string, Parts, RegExp][] = [
    [
      'an intermediate without the CA flag',
      { intermediate: { isCa: false, pathLength: undefined, keyUsages: ['keyCertSign'] } },
      /may not sign/,
    ],
    ['an intermediate without keyCertSign', { intermediate: { keyUsages: ['cRLSign'] } }, /may not sign/],
    ['an intermediate that allows another', { intermediate: { pathLength: 1 } }, /may not sign/],
    ['an intermediate without path length', { intermediate: { pathLength: undefined } }, /may not sign/],
    ['a root that allows no intermediate', { root: { pathLength: 0 } }, /root is not that of an authority/],
    [
      'a root without the CA flag',
      { root: { isCa: false, pathLength: undefined } },
      /root is not that of an authority/,
    ],
    [
      'a leaf with the CA flag',
      { leaf: { isCa: true, purposes: ['serverAuth', 'clientAuth'] } },
      /may not be used/,
    ],
    [
      'a leaf that may sign certificates',
      { leaf: { keyUsages: ['digitalSignature', 'keyCertSign'] } },
      /may not be used/,
    ],
    [
      'an endpoint that may not serve',
      { leaf: { purposes: ['clientAuth'] } },
      /may not be used as that of kind endpoint/,
    ],
    [
      'a purpose too many',
      { leaf: { purposes: ['serverAuth', 'clientAuth', 'codeSigning'] } },
      /may not be used/,
    ],
    ['a leaf without purposes', { leaf: { purposes: [] } }, /may not be used/],
    ['a leaf without constraints', { leaf: { without: ['constraints'] } }, /extensions/],
    ['a leaf without usage', { leaf: { without: ['usage'] } }, /extensions/],
    ['another hash', { leaf: { hash: 'SHA-384' } }, /signature algorithm/],
    [
      'an unknown critical extension',
      { leaf: { extra: ({ Extension }) => [new Extension('1.2.3.4', true, Uint8Array.of(5, 0))] } },
      /extensions/,
    ],
    [
      'an extension twice',
      { leaf: { extra: library => [new library.BasicConstraintsExtension(true, 0, true)] } },
      /extensions|read/,
    ],
  ]
  for (const [name, parts, message] of cases) {
    it(name, async () => {
      const { chain, root } = await forge(parts)
      refuses(() => check(chain, { rootPem: root }), 'not-trusted', message)
    })
  }

  it('a root that names another as its issuer', async () => {
    const { chain, root } = await forge({ root: { issuer: { subject: 'elder', keys: rootKeys } } })
    refuses(() => check(chain, { rootPem: root }), 'not-trusted', /root is not that of an authority/)
  })

  it('but not an unknown extension that is not critical', async () => {
    const { chain } = await forge({
      leaf: { extra: ({ Extension }) => [new Extension('1.2.3.4', false, Uint8Array.of(5, 0))] },
    })
    assert.equal(check(chain).identity.kind, 'endpoint')
  })

  it('a permit that may serve', async () => {
    const { chain } = await forge({ leaf: { uris: [`spiffe://${mesh}/user/root/permit/${UUID}`] } })
    refuses(() => check(chain), 'not-trusted', /may not be used as that of kind permit/)
  })
})

describe('checkChain() refuses by name', () => {
  const good = () => endpointOf(mesh)
  const cases: [string, () => Partial<Forgery>][] = [
    ['no name', () => ({ without: ['names'] })],
    ['two URIs', () => ({ uris: [good(), good()] })],
    ['a hub and an endpoint at once', () => ({ uris: [good(), `spiffe://${mesh}/hub/${UUID}`] })],
    ['an endpoint with a host name', () => ({ uris: [good()], hosts: ['a.example'] })],
    ['a host name alone', () => ({ uris: [], hosts: [`URI:${good()}`] })],
    ['a host name that looks like a second name', () => ({ uris: [], hosts: [`x, URI:${good()}`] })],
    ['a comma and another name', () => ({ uris: [`${good()}, URI:spiffe://${mesh}/hub/${UUID}`] })],
    ['a line feed', () => ({ uris: [`${good()}\n`] })],
    ['a quote', () => ({ uris: [`"${good()}"`] })],
    ['a NUL', () => ({ uris: [`${good()}\0.example`] })],
    ['upper case', () => ({ uris: [good().toUpperCase()] })],
    ['a query', () => ({ uris: [`${good()}?x`] })],
    ['a step up', () => ({ uris: [`spiffe://${mesh}/user/../hub/${UUID}`] })],
    ['the authority itself', () => ({ uris: [`spiffe://${mesh}`] })],
    ['another scheme', () => ({ uris: [good().replace('spiffe', 'https')] })],
  ]
  for (const [name, leaf] of cases) {
    it(name, async () => {
      const { chain } = await forge({ leaf: leaf() })
      refuses(() => check(chain), 'not-trusted', /./)
      refuses(() => readIdentity(new X509Certificate(chain)), 'not-trusted', /./)
    })
  }

  it('a name of another sort', async () => {
    const names = ({ SubjectAlternativeNameExtension }: X509Library) => [
      new SubjectAlternativeNameExtension([
        { type: 'url', value: `spiffe://${mesh}/hub/${UUID}` },
        { type: 'email', value: 'a@b.example' },
      ]),
    ]
    const { chain } = await forge({ leaf: { without: ['names'], extra: names } })
    refuses(() => check(chain), 'not-trusted', /more names/)
  })

  it('an endpoint, hub, identity or permit where another is expected', async () => {
    const chains: Record<Identity['kind'], string> = {
      endpoint: (await forge({})).chain,
      hub: (await forge({ leaf: { uris: [`spiffe://${mesh}/hub/${UUID}`] } })).chain,
      'relay-hub': (await forge({ leaf: { uris: [`spiffe://${mesh}/relay-hub/${UUID}`] } })).chain,
      identity: (
        await forge({ leaf: { uris: [`spiffe://${mesh}/identity/${UUID}`], purposes: ['clientAuth'] } })
      ).chain,
      permit: (
        await forge({
          leaf: { uris: [`spiffe://${mesh}/user/root/permit/${UUID}`], purposes: ['clientAuth'] },
        })
      ).chain,
    }
    for (const [shown, chain] of Object.entries(chains)) {
      const others = (Object.keys(chains) as Identity['kind'][]).filter(kind => kind !== shown)
      refuses(
        () => check(chain, { expect: others }),
        'not-trusted',
        new RegExp(`is of kind ${shown}, wanted`),
      )
    }
  })
})

describe('checkChain() refuses what is no chain', () => {
  it('swapped, single, doubled, with the root or with text', async () => {
    const { leaf, intermediate, root, chain } = await forge({})
    const texts = [
      '',
      leaf,
      `${intermediate}${leaf}`,
      `${chain}${root}`,
      `${leaf}${chain}`,
      `${leaf}${leaf}`,
      `${leaf}${root}`,
      `subject=bob\n${chain}`,
      `${leaf}\n${intermediate}`,
      `${chain} `,
      chain.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'),
    ]
    for (const text of texts) refuses(() => check(text), 'not-trusted', /./)
  })

  it('cut short at any character', async () => {
    const { chain } = await forge({})
    const whole = chain.length - '\n'.length
    for (let length = 0; length < whole; length++)
      refuses(() => check(chain.slice(0, length)), 'not-trusted', /./)
  })

  it('huge text, and does so at once', () => {
    refuses(() => check('-----BEGIN CERTIFICATE-----\n'.repeat(1_000_000)), 'not-trusted', /at most 16384/)
  })
})

describe('roots', () => {
  it('meshIdOf() and checkRootForMesh() know a root by its key', async () => {
    const other = await createKeyPair()
    const id = meshIdOf(rootPem)
    assert.equal(id, mesh)
    checkRootForMesh(rootPem, id)
    const foreign = await forge({ root: { keys: other, issuer: { subject: 'root', keys: other } } })
    refuses(() => checkRootForMesh(foreign.root, id), 'not-trusted', /the root is of mesh .*, wanted/)
  })

  it('meshIdOf() refuses a root that is not signed by itself, is no authority, or is not alone', async () => {
    const forger = await createKeyPair()
    const signer = { subject: 'root', keys: { ...rootKeys, privateKeyPem: forger.privateKeyPem } }
    const unsigned = await forge({ root: { issuer: signer } })
    const { leaf, intermediate, root } = await forge({})
    for (const pem of [unsigned.root, leaf, intermediate, `${root}${root}`, '', 'x'.repeat(20_000)]) {
      refuses(() => meshIdOf(pem), 'not-trusted', / the root /)
    }
  })

  it('meshIdOfKey() is the base32 of the SHA-256 of the key, so it never changes', () => {
    const spki = readPublicKeyPem(
      '-----BEGIN PUBLIC KEY-----\n' +
        'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEyPulQYtC1f407usEQq3/8PfYGprh\n' +
        '5BgxLxfr3gmgLbvjr3ZlClOumMRJ6RhIltz8VSGPXXEZQTrzGW5COYqZeg==\n' +
        '-----END PUBLIC KEY-----\n',
    )
    // openssl pkey -pubin -outform DER | sha256sum | cut -c1-64 | xxd -r -p | base32 | tr A-Z a-z | cut -c1-26
    assert.equal(meshIdOfKey(spki), 'r35x7cnhtu3c2u7ip4egf5nvei')
  })
})
