import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { inspectGateway } from './run-gateway.ts'

test('inspectGateway() says which folders and ports a gateway needs', async () => {
  using folder = makeScratchFolder()
  const inspect = (text: string) => {
    writeFileSync(folder.file('gateway.yaml'), text)
    return inspectGateway(folder.file('gateway.yaml'))
  }
  assert.deepEqual(
    await inspect(`
mesh: { permit: permits/door.json }
listeners: [{ kind: https, listen: '*:443' }, { kind: http, listen: '127.0.0.1:8080' }]
certificates: [{ certificate: /etc/tls/a.pem, key: /etc/tls/a.key }]
routes: [{ service: web }]
accessLog: /var/log/ztm/access.log
`),
    {
      needsLowPorts: true,
      readableFolders: [folder.path, folder.file('permits'), '/etc/tls'],
      writableFolders: ['/var/log/ztm'],
      needsEnvironment: false,
    },
  )
  const login = (more: string) =>
    inspect(`
controller: { url: 'https://hub.example.com:8888'${more} }
listeners: [{ kind: http, listen: '127.0.0.1:8080' }]
routes: [{ service: web }]
`)
  assert.deepEqual(await login(', identityFile: keys/door.json'), {
    needsLowPorts: false,
    readableFolders: [folder.path, folder.file('keys')],
    writableFolders: [],
    needsEnvironment: false,
  })
  assert.equal((await login(', tokenCommand: print-token')).needsEnvironment, false)
  assert.equal((await login('')).needsEnvironment, true)
  await assert.rejects(inspect('listeners: none'), { code: 'bad-input' })
  await assert.rejects(inspectGateway(folder.file('other.yaml')), { code: 'not-found' })
})
