import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createKeyPair } from '../pki/key-pair.ts'
import { createSigningRequest } from '../pki/signing-request.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { createSdkLab } from '../testing/sdk-lab.ts'
import { createContext } from './create-context.ts'

test('a controller is known by the id of its mesh, or by its root; by nothing less', async () => {
  await using lab = await createSdkLab()
  const { apiKey } = await lab.identity('program')
  const { authority } = lab.mesh
  const login = async (how: object) => {
    await using context = createContext({
      controllerUrl: lab.controllerUrl,
      credentials: { apiKey },
      env: {},
      paths: ['relay'],
      ...how,
    })
    return (await context.authenticate()).identity.name
  }
  assert.equal(await login({ mesh: authority.mesh }), 'program')
  assert.equal(await login({ ca: authority.rootCertificatePem }), 'program')
  const refused = { reason: 'identity', code: 'not-trusted' }
  await assert.rejects(login({ mesh: 'a'.repeat(26) }), refused)
  await assert.rejects(login({}), refused)
})

test('a program logs in by its certificate, and comes in by it again', async () => {
  await using lab = await createSdkLab()
  using scratch = makeScratchFolder()
  await lab.service('web')
  const identityId = await lab.create('identities', {
    name: 'machine',
    type: 'Device',
    isAdmin: false,
    roleAttributes: ['dialler'],
    enrollment: { ott: true },
  })
  const { enrollment } = (await lab.manage('GET', `/identities/${identityId}`)) as {
    enrollment: { ott: { token: string } }
  }
  const key = await createKeyPair()
  const enrolled = await lab.ask('POST', '/enroll/ott', {
    token: enrollment.ott.token,
    clientCsr: await createSigningRequest(key),
  })
  const { cert, ca } = enrolled as { cert: string; ca: string }
  const identityFile = scratch.file('machine.json')
  await writeFile(
    identityFile,
    JSON.stringify({ controllerUrl: lab.controllerUrl, cert, key: key.privateKeyPem, ca }),
  )
  for (let i = 0; i < 2; i++) {
    await using context = createContext({ identityFile, env: {}, paths: ['relay'] })
    assert.equal(context.credentials, `identity file ${identityFile}`)
    assert.deepEqual(
      (await context.services()).map(({ name }) => name),
      ['web'],
    )
    assert.equal((await context.authenticate()).identity.id, identityId)
  }
})
