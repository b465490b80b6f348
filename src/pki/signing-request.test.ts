import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../core/model/errors.ts'
import { assertRefused } from '../testing/refusal.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { createKeyPair } from './key-pair.ts'
import { formatPem, readPem } from './pem.ts'
import { createSigningRequest, openSigningRequest } from './signing-request.ts'

const LABEL = 'CERTIFICATE REQUEST'

/** A request made by OpenSSL for a key made with these arguments; and the key's public half. */
function madeByOpenssl(keyArgs: readonly string[], requestArgs: readonly string[] = []) {
  using scratch = makeScratchFolder()
  const run = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: scratch.path, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  run('genpkey', '-out', 'key.pem', ...keyArgs)
  run('pkey', '-in', 'key.pem', '-pubout', '-out', 'public.pem')
  run('req', '-new', '-key', 'key.pem', '-out', 'request.pem', '-subj', '/CN=root/O=Evil', ...requestArgs)
  return {
    requestPem: readFileSync(scratch.file('request.pem'), 'utf8'),
    publicKeyPem: readFileSync(scratch.file('public.pem'), 'utf8'),
  }
}

const ec = (...options: string[]) => ['-algorithm', 'EC', ...options.flatMap(option => ['-pkeyopt', option])]

describe('createSigningRequest()', () => {
  it('makes a request that openSigningRequest() and OpenSSL accept, and that names nobody', async () => {
    using scratch = makeScratchFolder()
    const keys = await createKeyPair()
    const requestPem = await createSigningRequest(keys)
    assert.deepEqual(await openSigningRequest(requestPem), { publicKeyPem: keys.publicKeyPem })
    writeFileSync(scratch.file('request.pem'), requestPem)
    const { stdout, stderr } = spawnSync(
      'openssl',
      ['req', '-in', 'request.pem', '-verify', '-noout', '-subject'],
      {
        cwd: scratch.path,
        encoding: 'utf8',
      },
    )
    assert.match(`${stdout}${stderr}`, /verify OK/)
    assert.match(stdout, /^subject=\s*$/m)
  })
})

describe('openSigningRequest()', () => {
  it('takes the key of a request by OpenSSL and nothing of its subject and extensions', async () => {
    const extensions = [
      '-addext',
      'subjectAltName=URI:spiffe://x/hub/y',
      '-addext',
      'basicConstraints=critical,CA:TRUE',
    ]
    const { requestPem, publicKeyPem } = madeByOpenssl(ec('ec_paramgen_curve:P-256'), extensions)
    assert.deepEqual(await openSigningRequest(requestPem), { publicKeyPem })
  })

  const others: [string, readonly string[], (readonly string[])?][] = [
    ['RSA', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']],
    ['a weak RSA key', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024']],
    ['P-384', ec('ec_paramgen_curve:P-384')],
    ['secp256k1', ec('ec_paramgen_curve:secp256k1')],
    ['P-256 with its parameters spelled out', ec('ec_paramgen_curve:P-256', 'ec_param_enc:explicit')],
    ['Ed25519', ['-algorithm', 'ED25519']],
    ['a signature over SHA-1', ec('ec_paramgen_curve:P-256'), ['-sha1']],
    ['a signature over SHA-512', ec('ec_paramgen_curve:P-256'), ['-sha512']],
  ]
  for (const [name, keyArgs, requestArgs] of others) {
    it(`refuses ${name}`, async () => {
      const { requestPem } = madeByOpenssl(keyArgs, requestArgs)
      await assertRefused(
        openSigningRequest(requestPem),
        'bad-input',
        /not signed with ECDSA|not an ECDSA P-256 key/,
      )
    })
  }

  it("refuses a request for somebody else's key", async () => {
    const [mine, victim] = [await createKeyPair(), await createKeyPair()]
    const stolen = await createSigningRequest({ ...victim, privateKeyPem: mine.privateKeyPem })
    await assertRefused(openSigningRequest(stolen), 'bad-input', /not signed by the key it is for/)
  })

  it('refuses a point that is not on the curve', async () => {
    const { publicKeyPem, ...keys } = await createKeyPair()
    const [request] = readPem(await createSigningRequest({ publicKeyPem, ...keys }), LABEL)
    const [spki] = readPem(publicKeyPem, 'PUBLIC KEY')
    assert.ok(request !== undefined && spki !== undefined)
    const at = request.indexOf(spki)
    assert.ok(at > 0)
    request[at + spki.length - 1] = (request[at + spki.length - 1] ?? 0) ^ 1
    await assertRefused(openSigningRequest(formatPem(request, LABEL)), 'bad-input', /not a point of P-256/)
  })

  it('refuses text that is none, two at once, another label, and over 8 KiB', async () => {
    const { requestPem } = madeByOpenssl(ec('ec_paramgen_curve:P-256'))
    const texts = [
      '',
      ' ',
      `${requestPem}${requestPem}`,
      requestPem.replaceAll(LABEL, `NEW ${LABEL}`),
      `x${requestPem}`,
    ]
    for (const text of texts) await assertRefused(openSigningRequest(text), 'bad-input')
    for (let length = 0; length < requestPem.length - 1; length += 5) {
      await assertRefused(openSigningRequest(requestPem.slice(0, length)), 'bad-input')
    }
    await assertRefused(openSigningRequest('-'.repeat(8_193)), 'bad-input', /at most 8192/)
  })

  it('throws nothing but MeshError at any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.uint8Array().map(bytes => formatPem(bytes, LABEL)),
        ),
        async text => {
          await assert.rejects(
            () => openSigningRequest(text),
            error => error instanceof MeshError && error.code === 'bad-input',
          )
        },
      ),
    )
  })
})
