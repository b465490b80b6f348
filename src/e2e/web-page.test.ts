import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { after, before, type TestContext, test } from 'node:test'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { assertAccessible, assertFits, keepPicture, openContext, waitForValue } from '../testing/browser.ts'
import { openSection } from '../testing/controller-page.ts'
import { startPage } from '../testing/page.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import { type ProcessMesh, readText } from '../testing/process-mesh.ts'
import { until } from '../testing/until.ts'

let home: PageMesh
let mesh: ProcessMesh
let browser: Browser
let url = ''

before(async () => {
  home = await createPageMesh({ joinsHome: false })
  ;({ mesh, browser, url } = home)
})
after(() => home[Symbol.asyncDispose]())

const visit = (t: TestContext, options?: BrowserContextOptions) => home.visit(t, options)

// Texts, as this program knows nothing of documents.
const TRY_TO_READ = `async to => {
  const read = await fetch(to + '/api/meshes', { credentials: 'include' }).then(() => 'read', () => 'refused')
  const frame = document.createElement('iframe')
  frame.src = to
  document.body.append(frame)
  await new Promise(resolve => frame.addEventListener('load', resolve))
  try {
    return { read, inner: frame.contentWindow.document.body.textContent }
  } catch {
    return { read, inner: 'hidden' }
  }
}`

test('whoever runs the agent opens the page without a login, and joins a mesh with a permit', async t => {
  const page = await visit(t)
  await waitForHeading(page, 'Join a mesh')
  await assertAccessible(page, 'join')
  await page.getByLabel('Permit').fill('{"what": "no permit"}')
  const computer = page.getByLabel('Name of this computer in the mesh')
  const [called] = hostname().split('.')
  await waitForValue(computer, called === 'localhost' ? '' : (called ?? ''))
  await computer.fill('home')
  await page.getByRole('button', { name: 'Join' }).click()
  await page.getByRole('alert').getByText('bad-permit').waitFor()
  await page.getByLabel('Permit').fill(await readText(mesh.permit))
  await page.getByRole('button', { name: 'Join' }).click()
  await waitForHeading(page, 'Overview')
  await page.getByText('online', { exact: true }).waitFor()
  await page.getByText('You are root at home').waitFor()
})

test('endpoints are found, looked at and pinged', async t => {
  const page = await visit(t)
  await openPage(page, 'Endpoints')
  await page.getByText('2 of 2').waitFor()
  await page.getByLabel('Search').fill('off')
  await page.getByText('1 of 1').waitFor()
  await assertAccessible(page, 'endpoints')
  await keepPicture(page, 'endpoints')
  await page.getByRole('link', { name: 'office' }).click()
  await waitForHeading(page, 'office')
  await page.getByRole('button', { name: 'Ping' }).click()
  await page.getByText(/^[\d.]+ ms by /).waitFor()
  await page.getByRole('table', { name: 'Ways to it' }).getByText('open').first().waitFor()
  await assertAccessible(page, 'endpoint')
})

test('the map shows hub, endpoints and the way between them, and leads to each', async t => {
  const page = await visit(t)
  await openPage(page, 'Map')
  await waitForHeading(page, 'Map')
  const map = page.getByRole('region', { name: 'Map' })
  await map.getByRole('link', { name: 'hub' }).waitFor()
  await map.locator('path[stroke-width="4"]').first().waitFor({ state: 'attached' })
  await assertAccessible(page, 'map')
  await keepPicture(page, 'map')
  await map.getByRole('link', { name: 'office' }).click()
  await waitForHeading(page, 'office')
})

test('a user is invited by a link', async t => {
  const page = await visit(t)
  await openPage(page, 'Users')
  await page.getByRole('button', { name: 'Invite' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Name of the user').fill('bob')
  await form.getByRole('button', { name: 'Invite' }).click()
  await waitForValue(form.getByRole('textbox', { name: 'Link' }), /^ztm:\/\//)
  await assertAccessible(page, 'invitation')
  await page.keyboard.press('Escape')
  await page.getByRole('cell', { name: 'bob', exact: true }).waitFor()
})

test('groups, roles, invitations and evictions are seen and changed', async t => {
  const page = await visit(t)
  await openPage(page, 'Users')
  const row = page.getByRole('row', { name: 'bob' })
  await page.getByRole('tab', { name: 'Groups' }).click()
  await page.getByText('There is no group yet.').waitFor()
  await page.getByLabel('New group').fill('ops')
  await page.getByRole('button', { name: 'Make the group' }).click()
  await page.getByRole('combobox', { name: 'Members of ops' }).click()
  await page.getByRole('option', { name: 'bob' }).click()
  await page.keyboard.press('Escape')
  await assertAccessible(page, 'groups')
  const inGroup = async () => JSON.stringify(await mesh.json('home', 'get', 'group')).includes('"bob"')
  await until(inGroup, 'bob is in the group')
  await page.getByRole('button', { name: 'Delete ops' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('There is no group yet.').waitFor()

  await page.getByRole('tab', { name: 'Invitations' }).click()
  await row.getByText('open').waitFor()
  await page.getByRole('button', { name: 'Take back bob' }).click()
  await row.getByText('taken back').waitFor()
  await assertAccessible(page, 'invitations')

  await page.getByRole('tab', { name: 'Users' }).click()
  await page.getByRole('button', { name: 'Make an administrator bob' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Make an administrator' }).click()
  await row.getByText('administrator', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Evict bob' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Evict' }).click()
  await row.getByText('evicted').waitFor()
  await page.getByRole('tab', { name: 'Evictions' }).click()
  await page.getByRole('button', { name: 'Let in again bob' }).click()
  await page.getByText('Nobody was evicted.').waitFor()
})

test('every page can be read by everybody, in both languages, light and dark, on a telephone', async t => {
  for (const [locale, colorScheme, viewport] of [
    ['en-GB', 'light', { width: 1_280, height: 800 }],
    ['zh-CN', 'dark', { width: 1_280, height: 800 }],
    ['zh-CN', 'light', { width: 390, height: 844 }],
  ] as const) {
    const page = await visit(t, { locale, colorScheme, viewport })
    const isChinese = locale === 'zh-CN'
    for (const [path, title] of [
      ['', isChinese ? '概览' : 'Overview'],
      ['/map', isChinese ? '地图' : 'Map'],
      ['/endpoints', isChinese ? '端点' : 'Endpoints'],
      ['/tunnels', isChinese ? '隧道' : 'Tunnels'],
      ['/services', isChinese ? '服务' : 'Services'],
      ['/users', isChinese ? '用户' : 'Users'],
      ['/hubs', isChinese ? '集线器' : 'Hubs'],
      ['/log', isChinese ? '日志' : 'Log'],
    ]) {
      await page.goto(`${url}/home${path}`)
      await waitForHeading(page, title ?? '')
      const name = `${locale} ${colorScheme} ${viewport.width} ${title}`
      await assertAccessible(page, name)
      await assertFits(page, name)
    }
    await keepPicture(page, `log-${locale}-${colorScheme}-${viewport.width}`)
  }
})

test('what changes elsewhere is shown without asking', async t => {
  const page = await visit(t)
  await waitForHeading(page, 'Overview')
  await mesh.run('home', 'disable', 'mesh', 'home')
  await page.getByText('switched off').waitFor()
  await mesh.run('home', 'enable', 'mesh', 'home')
  await page.getByText('online', { exact: true }).waitFor()
})

test('what others change at the controller is shown at once, and nothing else is asked for', async t => {
  const page = await visit(t)
  await openSection(page, 'Identities')
  const table = page.getByRole('table', { name: 'Identities' })
  await table.getByText('office').first().waitFor()
  const asked: string[] = []
  page.on('request', request => {
    if (request.url().includes('/edge')) asked.push(request.postData() ?? request.url())
  })
  await mesh.run('home', 'create', 'signer', 'elsewhere', '--issuer', 'https://x.example', '--audience', 'x')
  await mesh.run('home', 'create', 'identity', 'a-new-one')
  await table.getByRole('link', { name: 'a-new-one' }).waitFor()
  await mesh.run('home', 'delete', 'identity', 'a-new-one')
  await table.getByRole('link', { name: 'a-new-one' }).waitFor({ state: 'detached' })
  await mesh.run('home', 'delete', 'signer', 'elsewhere')
  assert.ok(asked.length > 0 && asked.every(one => !one.includes('signer')), asked.join('\n'))

  await openPage(page, 'Users')
  await waitForHeading(page, 'Users')
  await mesh.run('home', 'invite', 'newcomer')
  await page.getByRole('cell', { name: 'newcomer', exact: true }).waitFor()
})

test('a page of another site reads nothing, and a browser that is logged out has to show the token', async t => {
  await using elsewhere = await startPage('<title>elsewhere</title>')
  const context = await openContext(browser)
  const page = await context.newPage()
  await page.goto(`http://${elsewhere.at}/`)
  const seen = await page.evaluate(`(${TRY_TO_READ})('${url}')`)
  assert.deepEqual(seen, { read: 'refused', inner: 'hidden' })
  await context.close()

  const own = await visit(t)
  await own.getByRole('button', { name: 'Log out' }).click()
  // The system knows the person: the page is open again at once, with a login of its own.
  await waitForHeading(own, 'Overview')
  const { token } = (await mesh.json('home', 'gui', '--no-open')) as { token: string }
  // As by a proxy, which nobody vouches for.
  const far = await openContext(browser, { extraHTTPHeaders: { via: '1.1 proxy' } })
  const farPage = await far.newPage()
  await farPage.goto(url)
  await waitForHeading(farPage, 'Log in')
  await assertAccessible(farPage, 'login')
  await farPage.getByLabel('Token').fill('guess')
  await farPage.getByRole('button', { name: 'Log in' }).click()
  await farPage.getByText('That is not the token of this agent.').waitFor()
  await farPage.getByLabel('Token').fill(token)
  await farPage.getByRole('button', { name: 'Log in' }).click()
  await waitForHeading(farPage, 'Overview')
  await far.close()
})

// The last one: nobody needs the agent after it.
test('an agent that is gone is told of, and so is its return', async t => {
  const page = await visit(t)
  await waitForHeading(page, 'Overview')
  await [...mesh.daemons].find(({ name }) => name === 'home')?.stop()
  const lost = page.getByText('The agent cannot be reached.')
  await lost.waitFor()
  await mesh.startAgent('home', { args: ['--listen', new URL(url).host.replace('localhost', '127.0.0.1')] })
  await lost.waitFor({ state: 'detached' })
})
