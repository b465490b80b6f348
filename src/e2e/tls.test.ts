import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createProcessMesh, type ProcessMesh } from '../testing/process-mesh.ts'
import { execute } from '../testing/programs.ts'

// What other people's tools say of our TLS: sslscan of the hub's port, OpenSSL of the certificates.

let mesh: ProcessMesh
let address = ''

before(async () => {
  mesh = await createProcessMesh()
  const [hub] = await Promise.all([mesh.startHub(), mesh.startAgent('home')])
  address = hub.address
  await mesh.run('home', 'join', 'home', '--as', 'home', '--permit', mesh.permit)
})

after(() => mesh[Symbol.asyncDispose]())

test('sslscan finds TLS 1.3 alone at the hub, with strong ciphers, groups and keys', async () => {
  const { stdout } = await execute('sslscan', ['--no-colour', '--xml=-', address])
  const found = (element: string) =>
    [...stdout.matchAll(new RegExp(`<${element} ([^>]*?)/?>`, 'g'))].map(([, text = '']) =>
      attributesOf(text),
    )
  const protocols = found('protocol')
  assert.deepEqual(
    protocols.filter(({ enabled }) => enabled === '1').map(({ type, version }) => `${type} ${version}`),
    ['tls 1.3'],
  )
  assert.ok(
    protocols.some(({ version, enabled }) => version === '1.2' && enabled === '0'),
    stdout,
  )
  const ciphers = found('cipher')
  assert.deepEqual(ciphers.map(({ cipher }) => cipher).toSorted(), [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
  ])
  for (const { bits, strength = '' } of ciphers) {
    assert.ok(Number(bits) >= 128)
    assert.match(strength, /^(acceptable|strong)$/)
  }
  const groups = found('group')
  assert.ok(groups.some(({ name }) => name === 'x25519'))
  assert.ok(groups.every(({ bits }) => Number(bits) >= 128))
  assert.deepEqual(found('renegotiation'), [{ supported: '0', secure: '0' }])
  assert.deepEqual(
    found('pk').map(({ type, curve_name: curve }) => [type, curve]),
    [['EC', 'prime256v1']],
  )
})

test('openssl cannot talk TLS 1.2 to the hub, nor a protocol that is not ours', async () => {
  for (const [options, alert] of [
    [['-tls1_2', '-alpn', 'h2'], /protocol version/],
    [['-tls1_3', '-alpn', 'spdy/3'], /no application protocol/],
  ] as const) {
    const answer = execute('openssl', ['s_client', '-connect', address, ...options], { timeout: 10_000 })
    await assert.rejects(answer, alert)
  }
})

test('openssl verify takes the chains of hub and endpoint, as server and as client, by the strict rules', async () => {
  const { ca } = JSON.parse(await readFile(mesh.permit, 'utf8')) as { ca: string }
  const root = await write('root.pem', ca)
  const endpoint = (await mesh.json('home', 'describe', 'mesh')) as { certificate: string; ca: string }
  assert.equal(endpoint.ca.trim(), ca.trim())
  const asked = execute('openssl', ['s_client', '-connect', address, '-alpn', 'h2', '-showcerts'])
  asked.child.stdin?.end()
  const chains = { hub: (await asked).stdout, endpoint: endpoint.certificate }
  for (const [name, text] of Object.entries(chains)) {
    const [leaf = '', ...others] =
      text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    assert.equal(others.length, 1, text)
    const files = [
      await write(`${name}-issuer.pem`, others.join('\n')),
      await write(`${name}.pem`, leaf),
    ] as const
    for (const purpose of ['sslserver', 'sslclient']) {
      const rules = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', root]
      const { stdout } = await execute('openssl', [...rules, '-untrusted', ...files])
      assert.equal(stdout, `${files[1]}: OK\n`)
      // The root alone did not sign it, and a leaf is no issuer.
      await assert.rejects(execute('openssl', [...rules, files[1]]), /unable to get local issuer/)
    }
  }
  const forged = ['verify', '-x509_strict', '-CAfile', root, '-untrusted', join(mesh.folder, 'hub.pem')]
  await assert.rejects(execute('openssl', [...forged, join(mesh.folder, 'endpoint.pem')]))
})

function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))
}

async function write(name: string, text: string): Promise<string> {
  const path = join(mesh.folder, name)
  await writeFile(path, `${text.trim()}\n`)
  return path
}
