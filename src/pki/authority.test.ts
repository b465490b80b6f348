import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type Identity, parseSpiffeId } from '../core/model/spiffe-id.ts'
import { assertRefused } from '../testing/refusal.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { createSecretMemory, type SecretMemory } from '../testing/secret-memory.ts'
import { type Authority, openAuthority } from './authority.ts'
import { readCertificate } from './certificate-fields.ts'
import { checkChain, meshIdOf } from './check.ts'
import { createKeyPair } from './key-pair.ts'
import { readPem } from './pem.ts'
import { AUTHORITY_FILES } from './root.ts'

const NOW = Date.UTC(2026, 5, 1, 12, 0, 0, 250)
const DAY = 86_400_000
const UUID = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'
const KINDS: Record<Identity['kind'], string> = {
  endpoint: `user/bob_1.x-y/endpoint/${UUID}`,
  hub: `hub/${UUID}`,
  'relay-hub': `relay-hub/${UUID}`,
  identity: `identity/${UUID}`,
  permit: `user/root/permit/${UUID}`,
}
const FILES = Object.values(AUTHORITY_FILES)

function open(folder: SecretMemory, now = NOW): Promise<Authority> {
  return openAuthority({ folder, now })
}

async function issue(
  authority: Authority,
  kind: Identity['kind'],
  options: { now?: number; validMs?: number } = {},
) {
  const { now = NOW, validMs = DAY } = options
  const { publicKeyPem } = await createKeyPair()
  const identity = parseSpiffeId(`spiffe://${authority.mesh}/${KINDS[kind]}`)
  const hosts = kind === 'hub' ? ['hub.example', 'my_hub', '192.0.2.1', '2001:DB8::0:1'] : []
  return authority.issue({ identity, publicKeyPem, validMs, hosts }, now)
}

function fieldsOf(chainPem: string) {
  return readPem(chainPem, 'CERTIFICATE').map(der => readCertificate(der))
}

describe('openAuthority()', () => {
  it('founds a mesh once, and opens it ever after', async () => {
    const folder = createSecretMemory()
    const first = await open(folder)
    const files = new Map(folder.files)
    const second = await open(folder, NOW + DAY)
    assert.deepEqual([second.mesh, second.rootCertificatePem], [first.mesh, first.rootCertificatePem])
    assert.deepEqual(folder.files, files)
    assert.deepEqual(folder.written, FILES)
    assert.equal(meshIdOf(first.rootCertificatePem), first.mesh)
  })

  it('makes another mesh of another folder', async () => {
    const [a, b] = [await open(createSecretMemory()), await open(createSecretMemory())]
    assert.notEqual(a.mesh, b.mesh)
  })

  it('opens what is left when the power fails between any two writes', async () => {
    for (let writes = 0; writes < FILES.length; writes++) {
      const folder = createSecretMemory()
      folder.failAfter(writes)
      await assert.rejects(open(folder), /the power is off/)
      const left = createSecretMemory(folder.files)
      const authority = await open(left)
      // What was written stays: the root key above all, so it is the same mesh.
      for (const [name, text] of folder.files) assert.equal(left.files.get(name), text)
      checkChain((await issue(authority, 'endpoint')).chainPem, {
        rootPem: authority.rootCertificatePem,
        now: NOW,
      })
      assert.deepEqual(left.written, FILES.slice(writes))
    }
  })

  it('opens a real folder after kill -9 between any two writes, with keys that nobody else may read', async () => {
    for (let writes = 0; writes < FILES.length; writes++) {
      using scratch = makeScratchFolder()
      assert.equal(found(scratch.path, writes).signal, 'SIGKILL')
      const keyFile = scratch.file(AUTHORITY_FILES.rootKey)
      const key = existsSync(keyFile) ? readFileSync(keyFile, 'utf8') : undefined
      const again = found(scratch.path, Number.POSITIVE_INFINITY)
      assert.equal(again.status, 0, again.stderr)
      if (key !== undefined) assert.equal(readFileSync(keyFile, 'utf8'), key)
      assert.equal(meshIdOf(readFileSync(scratch.file(AUTHORITY_FILES.root), 'utf8')), again.stdout.trim())
      assert.deepEqual(readdirSync(scratch.path).sort(), [...FILES].sort())
      for (const name of FILES) assert.equal(statSync(scratch.file(name)).mode & 0o777, 0o600, name)
    }
  })

  it('makes the root certificate and the intermediate again when they are lost or damaged', async () => {
    const folder = createSecretMemory()
    const first = await open(folder)
    const { chainPem } = await issue(first, 'endpoint')
    for (const name of [AUTHORITY_FILES.root, AUTHORITY_FILES.intermediate]) {
      for (const text of [undefined, '', folder.files.get(name)?.slice(0, -40), 'garbage']) {
        const damaged = createSecretMemory(folder.files)
        if (text === undefined) damaged.files.delete(name)
        else damaged.files.set(name, text)
        const again = await open(damaged)
        assert.equal(again.mesh, first.mesh)
        // Old leaves are good under the new root, and new ones under the old.
        checkChain(chainPem, { rootPem: again.rootCertificatePem, now: NOW })
        const { chainPem: fresh } = await issue(again, 'endpoint')
        checkChain(fresh, { rootPem: first.rootCertificatePem, now: NOW })
      }
    }
  })

  it('makes the intermediate again when its certificate and key are of two intermediates', async () => {
    const [folder, other] = [createSecretMemory(), createSecretMemory()]
    const authority = await open(folder)
    for (const name of [AUTHORITY_FILES.rootKey, AUTHORITY_FILES.root]) {
      other.files.set(name, folder.files.get(name) ?? '')
    }
    await open(other)
    const certificateOf = (memory: SecretMemory) =>
      memory.files.get(AUTHORITY_FILES.intermediate)?.split('-----BEGIN PRIVATE')[0] ?? ''
    const mixed = other.files
      .get(AUTHORITY_FILES.intermediate)
      ?.replace(certificateOf(other), certificateOf(folder))
    folder.files.set(AUTHORITY_FILES.intermediate, mixed ?? '')
    const { chainPem } = await issue(await open(folder), 'endpoint')
    checkChain(chainPem, { rootPem: authority.rootCertificatePem, now: NOW })
  })

  it('never replaces a root key that is damaged or lost', async () => {
    const folder = createSecretMemory()
    await open(folder)
    const whole = folder.files.get(AUTHORITY_FILES.rootKey) ?? ''
    for (let length = 0; length < whole.length - 1; length += 7) {
      const damaged = createSecretMemory(folder.files)
      damaged.files.set(AUTHORITY_FILES.rootKey, whole.slice(0, length))
      await assertRefused(open(damaged), 'storage-failed', /restore the folder/)
      assert.deepEqual(damaged.written, [])
    }
    for (const lost of [
      [AUTHORITY_FILES.rootKey, AUTHORITY_FILES.root],
      [AUTHORITY_FILES.rootKey, AUTHORITY_FILES.intermediate],
    ]) {
      const damaged = createSecretMemory(
        [...folder.files].filter(([name]) => !lost.some(one => one === name)),
      )
      await assertRefused(open(damaged), 'storage-failed', /mesh-root-key.pem is gone/)
      assert.deepEqual(damaged.written, [])
    }
  })

  it('refuses a key and a certificate of two meshes, and takes no intermediate of another', async () => {
    const [folder, other] = [createSecretMemory(), createSecretMemory()]
    const [authority] = [await open(folder), await open(other)]
    const take = (name: string) => {
      const mixed = createSecretMemory(folder.files)
      mixed.files.set(name, other.files.get(name) ?? '')
      return mixed
    }
    await assertRefused(open(take(AUTHORITY_FILES.root)), 'storage-failed', /is of mesh/)
    await assertRefused(open(take(AUTHORITY_FILES.rootKey)), 'storage-failed', /is of mesh/)
    const mixed = await open(take(AUTHORITY_FILES.intermediate))
    const { chainPem } = await issue(mixed, 'endpoint')
    checkChain(chainPem, { rootPem: authority.rootCertificatePem, now: NOW })
  })

  it('works with its root key taken away until an intermediate is due', async () => {
    const folder = createSecretMemory()
    await open(folder)
    folder.files.delete(AUTHORITY_FILES.rootKey)
    const authority = await open(folder)
    await issue(authority, 'endpoint')
    await assertRefused(issue(authority, 'permit', { validMs: 500 * DAY }), 'storage-failed', /is gone/)
    await issue(await open(folder, NOW + 300 * DAY), 'endpoint', { now: NOW + 300 * DAY })
    await assertRefused(open(folder, NOW + 366 * DAY), 'storage-failed', /a new intermediate is due/)
  })

  it('refuses a clock before its beginning or after its end', async () => {
    const folder = createSecretMemory()
    await open(folder)
    await assertRefused(open(folder, 0), 'certificate-expired', /begins 2026.* says 1970/)
    await assertRefused(open(folder, NOW + 3_653 * DAY), 'certificate-expired', /ended 2036/)
  })
})

describe('issue()', () => {
  it('makes chains that our check and the strict one of OpenSSL accept', async t => {
    using scratch = makeScratchFolder()
    const now = Date.now()
    const authority = await open(createSecretMemory(), now)
    writeFileSync(scratch.file('root.pem'), authority.rootCertificatePem)
    for (const kind of ['endpoint', 'hub', 'permit'] as const) {
      const { chainPem, expiresAtMs, serial } = await issue(authority, kind, { now })
      const checked = checkChain(chainPem, { rootPem: authority.rootCertificatePem, now, expect: [kind] })
      assert.deepEqual([checked.expiresAtMs, checked.serial], [expiresAtMs, serial])
      assert.equal(checked.issuedAtMs, Math.floor(now / 1_000) * 1_000)
      writeFileSync(scratch.file('chain.pem'), chainPem)
      assert.equal(opensslVerify(scratch.path, 'sslclient'), 'chain.pem: OK')
      const asServer = opensslVerify(scratch.path, 'sslserver')
      if (kind === 'permit') assert.match(asServer, /unsuitable certificate purpose/i)
      else assert.equal(asServer, 'chain.pem: OK')
    }
    t.diagnostic(spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout.trim())
  })

  it('names a hub by its hosts, and everyone by user or hub', async () => {
    const authority = await open(createSecretMemory())
    const [hub, endpoint] = [await issue(authority, 'hub'), await issue(authority, 'endpoint')]
    const certificate = new X509Certificate(hub.chainPem)
    assert.equal(certificate.subject, `CN=${UUID}`)
    assert.equal(
      certificate.subjectAltName,
      `URI:spiffe://${authority.mesh}/hub/${UUID}, DNS:hub.example, DNS:my_hub, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1`,
    )
    assert.equal(new X509Certificate(endpoint.chainPem).subject, 'CN=bob_1.x-y')
  })

  it('gives each its own positive 128-bit serial', async () => {
    const authority = await open(createSecretMemory())
    const all = await Promise.all(Array.from({ length: 20 }, () => issue(authority, 'endpoint')))
    const serials = all.map(({ serial }) => serial)
    assert.equal(new Set(serials).size, 20)
    for (const serial of serials) assert.match(serial, /^[4-7][0-9a-f]{31}$/)
  })

  it('makes a new intermediate when less than a third of the old one is left, one for all who ask', async () => {
    const folder = createSecretMemory()
    const authority = await open(folder)
    const before = await issue(authority, 'endpoint', { now: NOW + 240 * DAY })
    const now = NOW + 245 * DAY
    const after = await Promise.all([1, 2, 3].map(() => issue(authority, 'endpoint', { now })))
    const intermediates = [before, ...after].map(({ chainPem }) => fieldsOf(chainPem)[1]?.serial)
    assert.equal(new Set(intermediates).size, 2)
    assert.deepEqual(folder.written.slice(FILES.length), [AUTHORITY_FILES.intermediate])
    // What was issued by the old one stays good beside the new one.
    for (const { chainPem } of [before, ...after]) {
      checkChain(chainPem, {
        rootPem: authority.rootCertificatePem,
        now: NOW + 240.5 * DAY + (chainPem === before.chainPem ? 0 : 4.6 * DAY),
      })
    }
  })

  it('goes on with the old intermediate while a new one cannot be kept', async () => {
    const folder = createSecretMemory()
    const authority = await open(folder)
    folder.failAfter(0)
    const { chainPem } = await issue(authority, 'endpoint', { now: NOW + 300 * DAY })
    checkChain(chainPem, { rootPem: authority.rootCertificatePem, now: NOW + 300 * DAY })
    await assert.rejects(issue(authority, 'endpoint', { now: NOW + 366 * DAY }), /the power is off/)
  })

  it('gives a permit of ten years an intermediate of its own, and no more than the root has left', async () => {
    const folder = createSecretMemory()
    const authority = await open(folder)
    const { chainPem, expiresAtMs } = await issue(authority, 'permit', { validMs: 5_000 * DAY })
    assert.equal(expiresAtMs, new X509Certificate(authority.rootCertificatePem).validToDate.getTime())
    assert.equal(fieldsOf(chainPem)[1]?.notAfterMs, expiresAtMs)
    checkChain(chainPem, { rootPem: authority.rootCertificatePem, now: NOW + 3_600 * DAY })
    assert.deepEqual(folder.written, FILES)
  })

  it('serves ten years without a gap', async () => {
    const folder = createSecretMemory()
    const authority = await open(folder)
    for (let now = NOW; now < NOW + 3_651 * DAY; now += 20 * DAY) {
      const { chainPem } = await issue(authority, 'endpoint', { now })
      checkChain(chainPem, { rootPem: authority.rootCertificatePem, now: now + DAY / 2 })
    }
  })

  it('goes on when the clock is set back after a new intermediate was made', async () => {
    const folder = createSecretMemory()
    await open(folder)
    await open(folder, NOW + 300 * DAY)
    const { chainPem } = await issue(await open(folder), 'endpoint')
    checkChain(chainPem, { rootPem: (await open(folder)).rootCertificatePem, now: NOW })
  })

  it('refuses what is no order', async () => {
    const authority = await open(createSecretMemory())
    const { publicKeyPem } = await createKeyPair()
    const identity = parseSpiffeId(`spiffe://${authority.mesh}/hub/${UUID}`)
    const good = { identity, publicKeyPem, validMs: DAY }
    const foreign = parseSpiffeId(`spiffe://abcdefghijklmnopqrstuvwxyz/hub/${UUID}`)
    const endpoint = parseSpiffeId(`spiffe://${authority.mesh}/${KINDS.endpoint}`)
    await assertRefused(authority.issue({ ...good, identity: foreign }, NOW), 'bad-input', /identity of mesh/)
    await assertRefused(
      authority.issue({ ...good, identity: endpoint, hosts: ['a'] }, NOW),
      'bad-input',
      /hosts/,
    )
    await assertRefused(authority.issue({ ...good, publicKeyPem: 'x' }, NOW), 'bad-input', /PEM/)
    for (const validMs of [0, -1, 999, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assertRefused(authority.issue({ ...good, validMs }, NOW), 'bad-input', /validity/)
    }
    for (const host of [
      '',
      'a b',
      '256.1.1.1',
      '1.2.3',
      'a:1',
      '[::1]',
      '::g',
      'x,URI:y',
      'a..b',
      '*',
      'ü',
    ]) {
      await assertRefused(
        authority.issue({ ...good, hosts: [host] }, NOW),
        'bad-input',
        /Cannot certify host/,
      )
    }
    await assertRefused(authority.issue(good, NOW + 4_000 * DAY), 'certificate-expired', /ended/)
  })
})

function found(folder: string, writes: number) {
  const founder = join(import.meta.dirname, '../testing/authority-founder.ts')
  return spawnSync(process.execPath, [founder, folder, String(NOW), String(writes)], { encoding: 'utf8' })
}

function opensslVerify(folder: string, purpose: string): string {
  const args = [
    'verify',
    '-x509_strict',
    '-purpose',
    purpose,
    '-CAfile',
    'root.pem',
    '-untrusted',
    'chain.pem',
    'chain.pem',
  ]
  const { stdout, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' })
  return `${stdout}${stderr}`.trim()
}
