import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { openAuthority } from '../pki/authority.ts'
import { openDataFolder } from '../store/data-folder.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { type ContextOptions, readContextOptions } from './context-options.ts'
import { createContext } from './create-context.ts'

const NOWHERE = { env: {}, homeFolder: '/nonexistent' }
const GOOD = {
  controllerUrl: 'https://ztm.example:8888',
  credentials: { apiKey: 'hk-1234567890' },
  ...NOWHERE,
}

function refusal(options: object): { reason: string; field: string | undefined; message: string } {
  try {
    createContext({ ...NOWHERE, ...options })
  } catch (error) {
    const { reason, field, message } = error as { reason: string; field?: string; message: string }
    return { reason, field, message }
  }
  return assert.fail('it was taken')
}

test('createContext() names the field that is missing or wrong, and repeats no secret', () => {
  const cases: [object, string][] = [
    [{ credentials: { apiKey: 'x' } }, 'controllerUrl'],
    [{ ...GOOD, controllerUrl: 'http://ztm.example' }, 'controllerUrl'],
    [{ ...GOOD, controllerUrl: 'http://bob:hunter2@ztm.example' }, 'controllerUrl'],
    [{ ...GOOD, controllerUrl: 'https://user:hunter2@ztm.example' }, 'controllerUrl'],
    [{ ...GOOD, controllerUrl: 'https://ztm.example/other' }, 'controllerUrl'],
    [{ ...GOOD, requestTimeoutMs: 0 }, 'requestTimeoutMs'],
    [{ ...GOOD, connectTimeoutMs: '3' }, 'connectTimeoutMs'],
    [{ ...GOOD, credentials: { apiKey: 'SECRET', jwt: 'SECRET' } }, 'credentials'],
    [{ ...GOOD, credentials: { token: 'SECRET' } }, 'credentials'],
    [{ ...GOOD, credentials: { apiKey: 'SEC RET' } }, 'credentials'],
    [{ ...GOOD, credentials: { tokenCommand: '  ' } }, 'credentials.tokenCommand'],
    [{ ...GOOD, mesh: 'short' }, 'mesh'],
    [{ ...GOOD, ca: '/nonexistent.pem' }, 'ca'],
    [{ ...GOOD, mesh: 'a'.repeat(26), ca: 'x' }, 'mesh'],
    [{ ...GOOD, billing: true }, 'commerceUrl'],
    [{ ...GOOD, commerceUrl: 'http://commerce.example' }, 'commerceUrl'],
    [{ ...GOOD, mode: 'neither' }, 'mode'],
    [{ ...GOOD, identityFile: '/nonexistent.json' }, 'identityFile'],
    [{ ...GOOD, connectTimout: 3 }, 'connectTimout'],
  ]
  for (const [options, wanted] of cases) {
    const { reason, field, message } = refusal(options)
    assert.deepEqual([reason, field], ['invalid-config', wanted], message)
    assert.doesNotMatch(message, /SECRET|SEC RET|hunter2/)
  }
})

test('createContext() without credentials says where it looked', () => {
  const { reason, message } = refusal({ controllerUrl: 'https://ztm.example' })
  assert.equal(reason, 'auth-failed')
  assert.match(message, /HANZO_API_KEY.*ZTM_JWT.*HANZO_JWT.*auth\.json.*credentials\.json/)
})

test('readContextOptions() takes from the environment what is not given', () => {
  const env = {
    ZTM_CONTROLLER_URL: 'https://a.example',
    HANZO_API_KEY: 'hk-1',
    HANZO_COMMERCE_URL: 'https://c.example',
  }
  const read = (more: ContextOptions = {}) => readContextOptions({ homeFolder: '/nonexistent', env, ...more })
  assert.equal(read().controllerUrl, 'https://a.example')
  assert.equal(
    read({ controllerUrl: 'https://b.example:1/edge/client/v1' }).controllerUrl,
    'https://b.example:1',
  )
  assert.equal(read().billing?.commerceUrl, 'https://c.example')
  assert.equal(read({ billing: false }).billing, undefined)
  assert.deepEqual(read().trust, { kind: 'system' })
  assert.equal(read({ mesh: 'a'.repeat(26) }).trust.kind, 'mesh')
  for (const name of ['ZT_CONTROLLER_URL', 'HANZO_ZT_CONTROLLER'])
    assert.equal(
      read({ env: { HANZO_API_KEY: 'k', [name]: 'https://x.example' } }).controllerUrl,
      'https://x.example',
    )
})

test('readContextOptions() finds credentials in the order of the seed', async () => {
  using scratch = makeScratchFolder()
  const folder = scratch.path
  await mkdir(join(folder, '.hanzo'))
  const show = (env: Record<string, string>) =>
    readContextOptions({ controllerUrl: 'https://a.example', homeFolder: folder, env }).credential.display()
  await writeFile(join(folder, '.hanzo/credentials.json'), JSON.stringify({ api_key: 'from-credentials' }))
  assert.equal(show({}), 'Hanzo API key (...tials)')
  await writeFile(join(folder, '.hanzo/auth.json'), JSON.stringify({ token: 'abc', email: 'z@hanzo.ai' }))
  assert.equal(show({}), 'Hanzo IAM (z@hanzo.ai)')
  await writeFile(join(folder, 'other.json'), JSON.stringify({ api_key: 'short' }))
  assert.equal(show({ HANZO_AUTH_FILE: join(folder, 'other.json') }), 'Hanzo API key (***)')
  assert.equal(show({ HANZO_JWT: 'from-hanzo-jwt' }), 'Hanzo API key (...o-jwt)')
  assert.equal(show({ HANZO_JWT: 'x', ZTM_JWT: 'from-ztm-jwt' }), 'Hanzo API key (...m-jwt)')
  assert.equal(show({ ZTM_JWT: 'x', HANZO_API_KEY: 'from-api-key' }), 'Hanzo API key (...i-key)')
  await writeFile(join(folder, '.hanzo/auth.json'), '{"token": "SECRET')
  assert.throws(
    () => show({}),
    (error: Error) => /auth\.json is not JSON/.test(error.message) && !/SECRET/.test(error.message),
  )
})

test('credentials show nothing of a secret, however they are printed', () => {
  const { credential } = readContextOptions({ ...GOOD, credentials: { username: 'bob', password: 'SECRET' } })
  const context = createContext({ ...GOOD, credentials: { jwt: 'eyJhbGciOiJFUzI1NiJ9.SECRET.SECRETs1gna' } })
  const shown = [
    inspect(credential, { depth: 9, showHidden: false }),
    JSON.stringify({ credential }),
    `${credential}`,
  ]
  shown.push(inspect(context, { depth: 9 }), JSON.stringify(context), context.credentials)
  for (const text of shown) assert.doesNotMatch(text, /SECRET/)
  assert.equal(context.credentials, 'Hanzo API key (...s1gna)')
})

test('an identity file gives certificate, key, root and controller', async () => {
  using scratch = makeScratchFolder()
  const folder = scratch.path
  const authority = await openAuthority({ folder: await openDataFolder(join(folder, 'ca')), now: Date.now() })
  const { rootCertificatePem: ca } = authority
  await writeFile(join(folder, 'key.pem'), '-----BEGIN PRIVATE KEY-----\nx\n')
  const path = join(folder, 'id.json')
  const ours = {
    controllerUrl: 'https://a.example',
    cert: 'pem:-----BEGIN CERTIFICATE-----\nx\n',
    key: 'key.pem',
    ca,
  }
  await writeFile(path, JSON.stringify(ours))
  const read = () => readContextOptions({ identityFile: path, ...NOWHERE })
  assert.deepEqual(read().credential.identity, {
    certificatePem: '-----BEGIN CERTIFICATE-----\nx\n',
    privateKeyPem: '-----BEGIN PRIVATE KEY-----\nx\n',
    caPem: ca,
    controllerUrl: 'https://a.example',
  })
  assert.deepEqual(read().trust, { kind: 'ca', pem: ca })
  const { cert, key } = ours
  await writeFile(path, JSON.stringify({ ztAPI: 'https://b.example:1280/edge/client/v1', id: { cert, key } }))
  assert.equal(read().controllerUrl, 'https://b.example:1280')
  await writeFile(path, JSON.stringify({ cert }))
  assert.throws(read, { reason: 'invalid-config', field: 'identityFile' })
})
