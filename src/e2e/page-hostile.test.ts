import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { keepPicture, settled } from '../testing/browser.ts'
import { poisonAnswers, WHAT_HARMS } from '../testing/hostile-answers.ts'
import { createPageMesh, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import { type ProcessMesh, readText } from '../testing/process-mesh.ts'

let home: PageMesh
let mesh: ProcessMesh

before(async () => {
  home = await createPageMesh()
  mesh = home.mesh
  await mesh.run('home', 'create', 'group', 'ops')
  await mesh.run('home', 'invite', 'bob')
  await mesh.run('home', 'ping', 'ep', 'office', '-c', '1')
  await mesh.run('office', 'tunnel', 'open', 'outbound', 'tcp/web', '--targets', '127.0.0.1:9')
})
after(() => home[Symbol.asyncDispose]())

/** Where each page of the router is looked at; those of the controller are found by its menu. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  '/': ['/', '/home'],
  '/$mesh': [],
  '/login': ['{login}'],
  '/join': ['/join'],
  '/start': ['/start'],
  '/map': ['/home/map'],
  '/endpoints': ['/home/endpoints'],
  '/endpoints/$endpoint': ['/home/endpoints/{home}', '/home/endpoints/{office}'],
  '/tunnels': ['/home/tunnels'],
  '/proxy': ['/home/proxy'],
  '/services': ['/home/services'],
  '/users': ['/home/users'],
  '/controller': [],
  '/controller/$section': [],
  '/controller/$section/$id': [],
  '/files': [
    '/home/files',
    '/home/files?part=disks&endpoint={office}&path=%2F',
    '/home/files?part=mirrors',
    '/home/files?part=transfers',
  ],
  '/terminal': ['/home/terminal'],
  '/scripts': ['/home/scripts', '/home/scripts?ep={office}'],
  '/apps': ['/home/apps'],
  '/apps/$provider/$app': [
    ...['tunnel', 'files'].map(app => `/home/apps/ztm/${app}`),
    '/home/apps/ztm/tunnel?at={office}',
  ],
  '/apps/$provider/$app/page': ['/home/apps/ztm/tunnel/page'],
  '/traffic': ['/home/traffic'],
  '/reach': ['/home/reach', '/home/reach?to=office'],
  '/hubs': ['/home/hubs'],
  '/log': ['/home/log'],
}
/** Lists of the controller in which there is something here. */
const LISTED = [
  ...['identities', 'authenticators', 'services', 'terminators', 'edge-routers', 'configs', 'config-types'],
  ...['service-policies', 'edge-router-policies', 'service-edge-router-policies'],
  ...['auth-policies', 'external-jwt-signers'],
]
const ADDRESSES = (links: unknown[]) => links.map(link => String((link as { href: string }).href))
test('what others chose harms no page: markup, turned and invisible letters, ten thousand of them', async t => {
  const source = await readText(join(ROOT, 'src/gui/router.tsx'))
  const routes = new Set([...source.matchAll(/\bpath: '([^']+)'/g)].map(([, path = '']) => path))
  assert.deepEqual([...routes].sort(), Object.keys(PAGES).sort(), 'every page of the router is looked at')
  await makeOneOfEach()
  const page = await home.visit(t)
  await waitForHeading(page, 'Overview')
  const ids = await idsOfPages()
  const look = async (url: string) => {
    await page.goto(url)
    await page
      .locator('h1')
      .first()
      .waitFor({ timeout: 60_000 })
      .catch((cause: unknown) => {
        throw new Error(`No heading at ${url}`, { cause })
      })
    await settled(page)
    assert.deepEqual(await page.evaluate(WHAT_HARMS), [], url)
    assert.equal(await page.getByText('Something went wrong').count(), 0, url)
  }
  await poisonAnswers(page)
  for (const path of Object.values(PAGES).flat())
    await look(home.url + path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? ''))

  // Of the controller each list, and the first of it.
  await page.goto(`${home.url}/home/controller`)
  const menu = page.getByRole('navigation', { name: 'Controller' }).getByRole('link')
  await menu.nth(18).waitFor()
  const seen: string[] = []
  for (const section of await menu.evaluateAll(ADDRESSES)) {
    await look(section)
    const name = section.split('/').at(-1) ?? ''
    const [detail] = await page.locator(`main table a[href*="/controller/${name}/"]`).evaluateAll(ADDRESSES)
    if (detail === undefined) continue
    seen.push(name)
    await look(detail)
  }
  assert.deepEqual(seen.sort(), [...LISTED].sort(), 'of each kind one was looked at')
  await page.goto(`${home.url}/home/endpoints`)
  await page.getByRole('link', { name: /office/ }).waitFor()
  await keepPicture(page, 'hostile-names')
})

/** Of each kind of the controller that one can make. */
async function makeOneOfEach(): Promise<void> {
  const make = (...words: string[]) => mesh.run('home', 'create', ...words)
  await make('identity', 'robot')
  await make('service', 'db')
  await make('policy', 'dial', '--type', 'Dial', '--identities', '@robot', '--services', '@db')
  await make('edge-router-policy', 'by-hub', '--identities', 'all', '--routers', 'all')
  await make('service-edge-router-policy', 'hubs', '--services', 'all', '--routers', 'all')
  await make('signer', 'corp', '--issuer', 'https://login.example.com', '--audience', 'ztm')
  await make('auth-policy', 'keys-only')
  await make(
    'config',
    'at',
    '--type',
    'host.v1',
    '--value',
    '{"protocol":"tcp","address":"127.0.0.1","port":1}',
  )
  await make('policy', 'host', '--type', 'Bind', '--identities', 'all', '--services', '@db')
  await make('terminator', 'db', '--endpoint', 'office')
  await make('authenticator', 'robot')
}

async function idsOfPages(): Promise<Record<string, string>> {
  const idOf = async (kind: string, name: string) =>
    ((await mesh.json('home', 'describe', kind, name)) as { id: string }).id
  const { url } = (await mesh.json('home', 'gui', '--no-open')) as { url: string }
  return {
    login: url.slice(home.url.length),
    home: await idOf('ep', 'home'),
    office: await idOf('ep', 'office'),
  }
}

const ROOT = join(import.meta.dirname, '../..')
