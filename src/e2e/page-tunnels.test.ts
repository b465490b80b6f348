import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { assertAccessible, assertFits, keepPicture, waitForValue } from '../testing/browser.ts'
import { startPage } from '../testing/page.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import { freePort } from '../testing/process-mesh.ts'

let home: PageMesh

before(async () => {
  home = await createPageMesh()
})
after(() => home[Symbol.asyncDispose]())

const visit = (t: TestContext, options?: BrowserContextOptions) => home.visit(t, options)
const here = (page: Page) => page.getByRole('table', { name: 'Ports that are open here' })
const fetchText = async (port: number) => (await fetch(`http://127.0.0.1:${port}/`)).text()

test('a tunnel is made by choosing the endpoint and a port that it offers; it is edited, paused, resumed and deleted', async t => {
  await using target = await startPage('hello from the office')
  const page = await visit(t)
  await waitForHeading(page, 'Overview')
  const startedAt = performance.now()
  await openPage(page, 'Tunnels')
  await page.getByRole('button', { name: 'New tunnel' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Endpoint').click()
  await page.getByRole('option', { name: 'office' }).click()
  // Its own program is offered, with its name; the rest is filled in.
  await form.getByRole('radiogroup', { name: 'Ports that are open there' }).waitFor()
  await form.getByText(new RegExp(`^${target.port} `)).click()
  await waitForValue(form.getByLabel('Port there, or host:port'), String(target.port))
  await waitForValue(form.getByLabel('Name'), /^office-node/)
  const port = await freePort()
  await form.getByLabel('Local port').fill(String(port))
  await form.getByLabel('Name').fill('web')
  await form.getByText(`ztm ep office tunnel open outbound tcp/web --targets ${target.port}`).waitFor()
  const lookedAt = performance.now()
  await assertAccessible(page, 'new tunnel')
  await keepPicture(page, 'new-tunnel')
  const lookedMs = performance.now() - lookedAt
  await form.getByRole('button', { name: 'Open' }).click()
  const row = here(page).getByRole('row', { name: 'tcp/web' })
  await row.getByText(`127.0.0.1:${port}`).waitFor()
  assert.equal(await fetchText(port), 'hello from the office')
  // What a person does: the menu, the button, the list of endpoints, one of them, its port, the local port, the name, the last button.
  const tookMs = performance.now() - startedAt - lookedMs
  t.diagnostic(`a tunnel from the first page to its first bytes: 8 steps, ${Math.round(tookMs)} ms`)
  // Health at the other end, the path there, and what went through.
  await row.getByText('up', { exact: true }).waitFor()
  await row.getByText(/^(direct|punched|relay)/).waitFor()
  await row.getByText(/^[1-9]\d* byte \/ [1-9]\d* byte$/).waitFor()
  await assertAccessible(page, 'tunnels')
  await keepPicture(page, 'tunnels')

  const second = await freePort()
  await page.getByRole('button', { name: 'Edit tcp/web' }).click()
  const listens = page.getByRole('dialog').getByLabel('Where it listens')
  await listens.fill(String(second))
  await listens.press('Enter')
  await page.getByText(`ztm tunnel open inbound tcp/web --listen 127.0.0.1:${port} ${second}`).waitFor()
  await assertAccessible(page, 'edit tunnel')
  await page.getByRole('button', { name: 'Save' }).click()
  await row.getByText(`127.0.0.1:${second}`).waitFor()
  assert.equal(await fetchText(second), 'hello from the office')
  assert.equal(await fetchText(port), 'hello from the office')

  await page.getByRole('button', { name: 'Pause tcp/web' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click()
  await row.getByText('paused', { exact: true }).waitFor()
  await assert.rejects(fetchText(port))
  await page.getByRole('button', { name: 'Resume tcp/web' }).click()
  await row.getByText('paused', { exact: true }).waitFor({ state: 'detached' })
  assert.equal(await fetchText(port), 'hello from the office')

  await page.getByRole('button', { name: 'Delete tcp/web' }).click()
  const asked = page.getByRole('dialog')
  await asked.getByLabel('Delete the other end at office, too').waitFor()
  await asked.getByText('ztm ep office tunnel close outbound tcp/web').waitFor()
  await asked.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByText('No port is open here.').waitFor()
  assert.deepEqual(await home.mesh.json('home', 'tunnel', 'get', 'tunnel'), [])
})

test('a tunnel whose port is taken is refused in place, and its other end is not left behind', async t => {
  await using target = await startPage('taken')
  const page = await visit(t)
  await openPage(page, 'Tunnels')
  await page.getByRole('button', { name: 'New tunnel' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Endpoint').click()
  await page.getByRole('option', { name: 'office' }).click()
  await form.getByLabel('Port there, or host:port').fill(`localhost:${target.port}`)
  await form.getByLabel('Local port').fill(String(target.port))
  await form.getByLabel('Name').fill('taken')
  await form.getByRole('button', { name: 'Open' }).click()
  await form.getByRole('alert').getByText('port-in-use').waitFor()
  assert.deepEqual(await home.mesh.json('home', 'ep', 'office', 'tunnel', 'get', 'outbound'), [])
})

test('ends at another endpoint are seen and changed, in Chinese and on a telephone', async t => {
  await using target = await startPage('there')
  await home.mesh.run(
    'home',
    ...['ep', 'office', 'tunnel', 'open', 'outbound', 'tcp/wiki', '--targets', String(target.port)],
  )
  const page = await visit(t, { locale: 'zh-CN', viewport: { width: 390, height: 844 } })
  await page.goto(`${home.url}/home/tunnels`)
  await waitForHeading(page, '隧道')
  await page.getByRole('combobox', { name: '所在端点' }).click()
  await page.getByRole('option', { name: 'office' }).click()
  const row = page.getByRole('table', { name: '他人可到达的目标' }).getByRole('row', { name: 'tcp/wiki' })
  await row.getByText(`127.0.0.1:${target.port}`).waitFor()
  await assertFits(page)
  await page.getByRole('button', { name: '编辑 tcp/wiki' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('除您以外可使用的用户').fill('*')
  await form.getByLabel('除您以外可使用的用户').press('Enter')
  await page.keyboard.press('Escape')
  await form.getByRole('button', { name: '保存' }).click()
  await form.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: '新建 HTTP 服务' }).click()
  await form.getByRole('textbox', { name: '名称', exact: true }).fill('wiki')
  await form.getByText('已有同名隧道').waitFor()
  await assertFits(page)
  await assertAccessible(page, 'new HTTP service in Chinese')
  await form.getByRole('button', { name: '关闭' }).click()
  const { users } = (await home.mesh.json(
    'home',
    ...['ep', 'office', 'tunnel', 'describe', 'outbound', 'tcp/wiki'],
  )) as { users: string[] }
  assert.deepEqual(users, ['*'])
  await assertAccessible(page, 'tunnels in Chinese')
})

test('an HTTP service is made with two routes, a health check and TLS to its target, and changed; the command says the same', async t => {
  await using web = await startPage('the web')
  await using api = await startPage('the api')
  const page = await visit(t)
  await openPage(page, 'Tunnels')
  await page.getByRole('combobox', { name: 'Ends at' }).click()
  await page.getByRole('option', { name: 'office' }).click()
  await page.getByRole('button', { name: 'New HTTP service' }).click()
  const form = page.getByRole('dialog')
  const add = async (number: number, path: string, target: string) => {
    const route = form.getByRole('group', { name: `Route ${number}` })
    await route.getByLabel('Path', { exact: true }).fill(path)
    await route.getByRole('combobox', { name: 'Targets' }).fill(target)
    await page.keyboard.press('Enter')
    return route
  }
  await form.getByRole('textbox', { name: 'Name', exact: true }).fill('shop')
  const first = await add(1, '', `http://127.0.0.1:${web.port}`)
  await form.getByText(`tcp/shop --route '/*=http://127.0.0.1:${web.port}'`).waitFor()
  await form.getByRole('button', { name: 'Add a route' }).click()
  const second = await add(2, 'api', `http://127.0.0.1:${api.port}`)
  await second.getByRole('button', { name: 'Health, stickiness, TLS, caller' }).click()
  await second.getByLabel('Health check').fill('/up')
  await second.getByLabel('Lead who came once to the same target again').check()
  await form.getByRole('button', { name: 'Save' }).click()
  // What cannot be is said in place, and nothing that was typed is lost.
  await form.getByRole('alert').getByText('bad-input').waitFor()
  await second.getByLabel('Path', { exact: true }).fill('/api/*')
  await form.getByText('The file routes.yaml for this command:').waitFor()
  await assertAccessible(page, 'new HTTP service')
  await keepPicture(page, 'new-http-service')
  await form.getByRole('button', { name: 'Save' }).click()
  await form.waitFor({ state: 'detached' })
  const row = page
    .getByRole('table', { name: 'What others can reach here' })
    .getByRole('row', { name: 'tcp/shop' })
  await row.getByText('*/api/*').waitFor()
  const port = await freePort()
  await home.mesh.run('home', 'tunnel', 'open', 'inbound', 'tcp/shop', '--listen', String(port))
  const fetchPath = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  assert.equal(await fetchPath('/'), 'the web')
  assert.equal(await fetchPath('/api/x'), 'the api')

  await page.getByRole('button', { name: 'Edit tcp/shop' }).click()
  await waitForValue(second.getByLabel('Path', { exact: true }), '/api/*')
  await form.getByRole('button', { name: 'Remove route 2' }).click()
  await first.getByRole('button', { name: 'Health, stickiness, TLS, caller' }).click()
  await first.getByLabel('Take any certificate').check()
  await first.getByLabel('Tell targets who calls').uncheck()
  await form.getByRole('button', { name: 'Save' }).click()
  await form.waitFor({ state: 'detached' })
  const { http } = (await home.mesh.json(
    'home',
    ...['ep', 'office', 'tunnel', 'describe', 'outbound', 'tcp/shop'],
  )) as { http: { setting: { routes: { identity?: unknown; tls?: unknown }[] } } }
  assert.equal(http.setting.routes.length, 1)
  assert.deepEqual(http.setting.routes[0]?.tls, { dangerAnyCertificate: true })
  assert.equal(http.setting.routes[0]?.identity, false)
  assert.equal(await fetchPath('/api/x'), 'the web')
})

test('a proxy is switched on, given rules in an order, tried, and its way out is opened at another endpoint', async t => {
  await using target = await startPage('by the office')
  const page = await visit(t)
  await openPage(page, 'Proxy')
  await waitForHeading(page, 'Proxy')
  const choose = async (name: string) => {
    await page.getByRole('combobox', { name: 'Proxy of' }).click()
    await page.getByRole('option', { name }).click()
  }
  await choose('office')
  await page.getByRole('button', { name: 'Let connections leave here' }).click()
  const opens = page.getByRole('combobox', { name: 'Open of this computer and its networks' })
  await opens.fill('localhost')
  await opens.press('Enter')
  await page.getByText('ztm ep office proxy config --users none --open localhost').waitFor()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('ztm ep office proxy config --users none', { exact: true }).waitFor()

  await choose('home')
  const port = await freePort()
  await page.getByLabel('Listens at').fill(`127.0.0.1:${port}`)
  await page.getByRole('button', { name: 'Switch on' }).click()
  await page.getByText(`http://127.0.0.1:${port}/proxy.pac`).waitFor()
  const pac = await (await fetch(`http://127.0.0.1:${port}/proxy.pac`)).text()
  assert.match(pac, new RegExp(`SOCKS5 127.0.0.1:${port}`))

  const targets = page.getByRole('combobox', { name: 'Targets' })
  const addRule = async (text: string, action: string) => {
    await targets.fill(text)
    await targets.press('Enter')
    await page.getByRole('combobox', { name: 'What happens' }).click()
    await page.getByRole('option', { name: action }).click()
    await page.getByRole('button', { name: 'Add the rule' }).click()
    await page
      .getByRole('table', { name: 'Rules of the way in' })
      .locator('span')
      .getByText(text, { exact: true })
      .waitFor()
  }
  await addRule('localhost', 'leave by an exit')
  await addRule('*', 'refuse')
  await page.getByLabel('URL, or host:port').fill(`http://localhost:${target.port}`)
  await page.getByRole('button', { name: 'Try it' }).click()
  const result = page.getByRole('table', { name: 'Result' })
  await result.getByText('connected').waitFor()
  await result.getByText('leave by an exit office (root)').waitFor()
  await assertAccessible(page, 'proxy')
  await keepPicture(page, 'proxy')

  // The other way round the first rule that fits is another.
  await page.getByRole('button', { name: 'Move up 1' }).click()
  await page
    .getByRole('table', { name: 'Rules of the way in' })
    .getByRole('row')
    .nth(1)
    .getByText('refuse')
    .waitFor()
  await page.getByRole('button', { name: 'Try it' }).click()
  await result.getByText('refuse', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Delete 0' }).click()

  await page.getByLabel('Name').fill('ann')
  await page.getByLabel('Password').first().fill('secret-of-ann')
  await page.getByRole('button', { name: 'Add the login' }).click()
  await page.getByRole('table', { name: 'Logins' }).getByText('ann').waitFor()
  const { clients } = (await home.mesh.json('home', 'proxy', 'config')) as { clients: string[] }
  assert.deepEqual(clients, ['ann'])
  await page.getByRole('button', { name: 'Switch off', exact: true }).click()
  await page.getByRole('button', { name: 'Switch on' }).waitFor()
})

test('the proxy page fits a telephone, in Chinese', async t => {
  const page = await visit(t, { locale: 'zh-CN', viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
  await home.mesh.run('home', 'proxy', 'config', '--listen', '127.0.0.1:0', '--exit', 'on')
  await page.goto(`${home.url}/home/proxy`)
  await waitForHeading(page, '代理')
  await page.getByRole('button', { name: '测试' }).waitFor()
  await assertFits(page)
  await assertAccessible(page, 'proxy in Chinese')
})
