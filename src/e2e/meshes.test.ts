import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fetchPage, type Page, startPage } from '../testing/page.ts'
import { createProcessMesh, type ProcessMesh } from '../testing/process-mesh.ts'
import { until } from '../testing/until.ts'

// One agent in two meshes, alpha and beta, each with a hub of its own and one more endpoint.

let mesh: ProcessMesh
let pages: Page[] = []
const permits: Record<string, string> = {}
const ports: Record<string, number> = {}

before(async () => {
  mesh = await createProcessMesh()
  for (const name of ['alpha', 'beta']) permits[name] = join(mesh.folder, `${name}.json`)
  await Promise.all([
    mesh.startHub({ name: 'hub-alpha', args: ['--permit', permits.alpha ?? ''] }),
    mesh.startHub({ name: 'hub-beta', args: ['--permit', permits.beta ?? ''] }),
    ...['both', 'at-alpha', 'at-beta'].map(name => mesh.startAgent(name)),
  ])
  await Promise.all(
    ['alpha', 'beta'].flatMap(name => [
      joinAs('both', name, `both-in-${name}`),
      joinAs(`at-${name}`, name, 'far'),
    ]),
  )
  pages = await Promise.all(['alpha', 'beta'].map(name => startPage(`in ${name}`)))
})

after(async () => {
  await mesh[Symbol.asyncDispose]()
  for (const page of pages) await page[Symbol.asyncDispose]()
})

test('endpoints and users of one mesh are invisible in the other, where names are the same too', async () => {
  for (const name of ['alpha', 'beta']) {
    assert.equal(await mesh.run('both', 'get', 'ep', '--mesh', name, '-o', 'name'), `both-in-${name}\nfar\n`)
    const { id } = (await mesh.json('both', 'describe', 'ep', `${name}/far`)) as { id: string }
    const other = name === 'alpha' ? 'beta' : 'alpha'
    for (const unknown of [`${other}/${id}`, `${other}/both-in-${name}`]) {
      const { code, stderr } = await mesh.ztm('both', ['ping', 'ep', unknown, '-c', '1'])
      assert.deepEqual([code, /Cannot find endpoint/.test(stderr)], [3, true], stderr)
    }
  }
})

test('one name of a service is two services, and a tunnel reaches that of its own mesh', async () => {
  for (const [i, name] of ['alpha', 'beta'].entries()) {
    const open = ['tunnel', 'open', 'outbound', 'tcp/web', '--targets', pages[i]?.at ?? '']
    await mesh.run(`at-${name}`, ...open)
    await mesh.run('both', 'mesh', name, 'tunnel', 'open', 'inbound', 'tcp/web', '--listen', '127.0.0.1:0')
    const inbound = await mesh.json('both', 'mesh', name, 'tunnel', 'describe', 'inbound', 'tcp/web')
    ports[name] = (inbound as { listens: { port: number }[] }).listens[0]?.port ?? 0
  }
  assert.deepEqual(await fetchBoth(), ['in alpha', 'in beta'])
})

test('a service and a tunnel of one mesh are not in the other', async () => {
  const words = ['--targets', pages[0]?.at ?? '', '--mesh', 'alpha']
  await mesh.run('both', 'tunnel', 'open', 'outbound', 'tcp/own', ...words)
  const list = (name: string, ...kind: string[]) => mesh.run('both', ...kind, '--mesh', name, '-o', 'name')
  assert.equal(await list('alpha', 'get', 'service'), 'tcp/own\ntcp/web\n')
  assert.equal(await list('beta', 'get', 'service'), 'tcp/web\n')
  assert.equal(await list('alpha', 'tunnel', 'get', 'outbound'), 'tcp/own\n')
  assert.equal(await list('beta', 'tunnel', 'get', 'outbound'), '')
  assert.equal((await mesh.ztm('both', ['describe', 'service', 'tcp/own', '--mesh', 'beta'])).code, 3)
  await mesh.run('at-beta', 'tunnel', 'open', 'inbound', 'tcp/own', '--listen', '127.0.0.1:0')
  const { listens } = (await mesh.json('at-beta', 'tunnel', 'describe', 'inbound', 'tcp/own')) as {
    listens: { port: number }[]
  }
  await assert.rejects(fetchPage(listens[0]?.port ?? 0))
})

test('a command that needs a mesh says to choose one, and takes it from every place it may come from', async () => {
  const { code, stderr } = await mesh.ztm('both', ['get', 'ep'])
  assert.equal(code, 3)
  assert.equal(
    stderr,
    'ztm: Cannot choose a mesh: several are joined, "alpha", "beta": name one with --mesh, or set one with `ztm config --mesh`\n',
  )
  const unknown = await mesh.ztm('both', ['get', 'ep', '--mesh', 'gamma'])
  assert.deepEqual([unknown.code, /joined are "alpha", "beta"/.test(unknown.stderr)], [3, true])
  await mesh.run('both', 'config', '--mesh', 'beta')
  assert.match(await mesh.run('both', 'get', 'ep'), /both-in-beta/)
  const byEnv = await mesh.ztm('both', ['get', 'ep'], { env: { ZTM_MESH: 'alpha' } })
  assert.match(byEnv.stdout, /both-in-alpha/)
  assert.match(await mesh.run('both', 'ep', 'alpha/far', 'tunnel', 'get', 'outbound'), /^tcp\/web /m)
  const taken = await mesh.ztm('both', ['join', 'alpha', '--as', 'x', '--permit', permits.beta ?? ''])
  assert.deepEqual(
    [taken.code, /another mesh is joined as "alpha"/.test(taken.stderr)],
    [6, true],
    taken.stderr,
  )
})

test('one mesh is disabled and enabled, the other goes on', async () => {
  await mesh.run('both', 'disable', 'mesh', 'alpha')
  await assert.rejects(fetchPage(ports.alpha ?? 0))
  const { code, stderr } = await mesh.ztm('both', ['get', 'ep', '--mesh', 'alpha'])
  assert.deepEqual(
    [code, /it is disabled here: go online with `ztm enable mesh`/.test(stderr)],
    [5, true],
    stderr,
  )
  assert.match(await mesh.run('both', 'mesh', 'alpha', 'tunnel', 'get', 'inbound'), /^tcp\/web .* open$/m)
  assert.equal(await fetchPage(ports.beta ?? 0), 'in beta')
  await mesh.run('both', 'enable', 'mesh', 'alpha')
  await until(
    () =>
      fetchBoth().then(
        texts => texts[0] === 'in alpha',
        () => false,
      ),
    'alpha is back',
  )
})

test('the hub of one mesh dies, and that mesh is left without it: the other goes on', async () => {
  await [...mesh.daemons].find(({ name }) => name === 'hub-alpha')?.stop('SIGKILL')
  assert.equal(await fetchPage(ports.beta ?? 0), 'in beta')
  await mesh.run('both', 'leave', 'alpha')
  assert.equal(await mesh.run('both', 'get', 'mesh', '-o', 'name'), 'beta\n')
  await assert.rejects(fetchPage(ports.alpha ?? 0))
  assert.equal(await fetchPage(ports.beta ?? 0), 'in beta')
})

async function joinAs(data: string, name: string, endpoint: string): Promise<void> {
  await mesh.run(data, 'join', name, '--as', endpoint, '--permit', permits[name] ?? '')
}

function fetchBoth(): Promise<string[]> {
  return Promise.all(['alpha', 'beta'].map(name => fetchPage(ports[name] ?? 0)))
}
