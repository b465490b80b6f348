import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { writeAppFolder } from '../testing/app-folder.ts'
import { assertAccessible, assertFits, keepPicture, openContext, settled } from '../testing/browser.ts'
import { startPage } from '../testing/page.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import { until } from '../testing/until.ts'

let home: PageMesh
let folder = ''

before(async () => {
  home = await createPageMesh({ others: ['office'] })
  folder = join(home.mesh.folder, 'notes')
  writeApp('1.0.0', { storage: true, network: ['example.com:443'] })
})
after(() => home[Symbol.asyncDispose]())

const HOSTILE = '<img src=x onerror=alert(1)> \u202enotes'

/** What a page of an app tries against the page around it, the agent, and everybody else. A text: it runs in a browser. */
const ATTACK = `
const attempt = async call => { try { return 'got ' + await call() } catch { return 'refused' } }
const agent = location.origin.replace(/\\/\\/[^.]*\\./, '//')
const wait = ms => new Promise(resolve => setTimeout(resolve, ms))
const out = {}
out.own = await attempt(async () => (await fetch('/api/hello')).text())
out.outerDocument = await attempt(() => parent.document.title)
out.outerAddress = await attempt(() => parent.location.href)
out.outerStorage = await attempt(() => parent.localStorage.length)
out.cookie = document.cookie
out.agent = await attempt(async () => (await fetch(agent + '/api/meshes', { credentials: 'include' })).text())
out.agentUnseen = await attempt(async () => (await fetch(agent + '/api/stop', { method: 'POST', mode: 'no-cors', credentials: 'include' })).type)
out.socket = await attempt(() => new Promise((resolve, reject) => {
  const socket = new WebSocket(agent.replace('http', 'ws') + '/api/meshes/home/apps/ztm/script/stream', ['ztm-stream'])
  socket.onopen = () => resolve('open')
  socket.onerror = reject
}))
out.frame = await attempt(() => new Promise((resolve, reject) => {
  document.addEventListener('securitypolicyviolation', reject, { once: true })
  const frame = Object.assign(document.createElement('iframe'), { src: agent + '/' })
  frame.onload = () => resolve('shown')
  document.body.append(frame)
}))
out.window = await attempt(() => window.open('http://evil.example/') === null ? Promise.reject() : 'open')
out.top = await attempt(() => { top.location.href = 'http://evil.example/' })
parent.postMessage({ key: 'please' }, '*')
document.querySelector('pre').textContent = JSON.stringify(out)
`

/** Write the app; what is read of its page says its version. */
function writeApp(version: string, capabilities: object, more: Record<string, string> = {}): void {
  writeAppFolder(folder, version, {
    name: 'notes',
    manifest: { entry: 'app.ts', gui: 'gui', description: HOSTILE, capabilities },
    files: {
      'app.ts': `import { defineApp } from 'ztm/app'
export default defineApp({
  start: host => host.log.info('notes begin', { version: '${version}' }),
  onRequest: (request, host) => Response.json({ version: '${version}', settings: host.settings() }),
})`,
      'gui/index.html': `<!doctype html><title>notes</title><h1>Notes ${version}</h1><pre></pre><script type="module" src="app.js"></script>`,
      'gui/app.js': ATTACK,
      ...more,
    },
  })
}

const table = (page: Page, name: string) => page.getByRole('table', { name })
const state = (page: Page, name: string) => page.getByText(name, { exact: true }).first().waitFor()

async function openApp(page: Page): Promise<void> {
  await page.goto(`${home.url}/home/apps/root/notes`)
  await waitForHeading(page, 'root/notes')
}

test('an app is published from a folder, found, and installed with what one allows', async t => {
  const page = await home.visit(t)
  await openPage(page, 'Apps')
  await waitForHeading(page, 'Apps')
  await page.getByText('Nobody has published another app for you yet.').waitFor()
  await page.getByRole('button', { name: 'Publish an app' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Folder with app.json').fill(join(home.mesh.folder, 'nothing'))
  await form.getByRole('button', { name: 'Publish' }).click()
  await form.getByRole('alert').waitFor()
  await form.getByLabel('Folder with app.json').fill(folder)
  await form.getByText(`ztm publish app ${folder}`).waitFor()
  await assertAccessible(page, 'publish')
  await form.getByRole('button', { name: 'Publish' }).click()
  await form.getByText('root/notes 1.0.0 is published in channel stable.').waitFor()
  await page.keyboard.press('Escape')

  await table(page, 'Apps you can install').getByText('1.0.0 (stable)').waitFor()
  await settled(page)
  assert.equal(await page.locator('img[src=x]').count(), 0)
  await page.getByLabel('Search').fill('elsewhere')
  await page.getByText('Nobody has published another app for you yet.').waitFor()
  await page.getByLabel('Search').fill('NOTES')
  await assertAccessible(page, 'apps')
  await keepPicture(page, 'apps')
  await page.getByRole('button', { name: 'Install root/notes' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('It is remembered from now on: another key is refused.').waitFor()
  await dialog.getByLabel('Connect to example.com:443, outside the mesh').uncheck()
  await dialog.getByLabel('Keep records of its own here').waitFor()
  await dialog.getByText('ztm install app root/notes --grant storage').waitFor()
  await assertAccessible(page, 'install')
  await keepPicture(page, 'install')
  await dialog.getByRole('button', { name: 'Install and allow this' }).click()
  await dialog.waitFor({ state: 'detached' })
  await table(page, 'Installed').getByText('running').waitFor()
  await table(page, 'Installed').getByRole('link', { name: 'root/notes', exact: true }).click()
  await waitForHeading(page, 'root/notes')
  await page
    .getByRole('listitem')
    .filter({ hasText: 'Connect to example.com:443' })
    .getByText('not allowed')
    .waitFor()
  await page
    .getByRole('listitem')
    .filter({ hasText: 'Keep records' })
    .getByText('allowed', { exact: true })
    .waitFor()
  await page.getByRole('region', { name: 'Log' }).getByText('notes begin').first().waitFor()
  await assertAccessible(page, 'app')
})

test('its page is shown inside ours, reaches its own app, and neither our page, the agent nor anybody else', async t => {
  // Not by `visit`: the browser complains of all that is refused.
  const context = await openContext(home.browser)
  t.after(() => context.close())
  const page = await context.newPage()
  const asked: string[] = []
  page.on('request', request => asked.push(new URL(request.url()).hostname))
  await page.goto(home.url)
  await openPage(page, 'Apps')
  await page.getByRole('link', { name: 'Open its page root/notes' }).click()
  const inside = page.frameLocator('iframe[title="Page of root/notes"]')
  await inside.getByRole('heading', { name: 'Notes 1.0.0' }).waitFor()
  const told = inside.locator('pre').filter({ hasText: '{' })
  await told.waitFor()
  const { own, ...rest } = JSON.parse((await told.textContent()) ?? '')
  assert.match(own, /"version":"1.0.0"/)
  assert.deepEqual(rest, {
    outerDocument: 'refused',
    outerAddress: 'refused',
    outerStorage: 'refused',
    cookie: '',
    agent: 'refused',
    agentUnseen: 'refused',
    socket: 'refused',
    frame: 'refused',
    window: 'refused',
    top: 'refused',
  })
  // What changes in the mesh does not load it anew.
  const frame = page.frames().find(one => one !== page.mainFrame())
  await frame?.evaluate('globalThis.isSame = true')
  const isTold = page.waitForResponse(/\/api\/status$/)
  await home.mesh.run('home', 'disable', 'mesh', 'home')
  await isTold
  await home.mesh.run('home', 'enable', 'mesh', 'home')
  await settled(page)
  assert.equal(await frame?.evaluate('globalThis.isSame'), true)
  await assertAccessible(page, 'page of an app')
  await keepPicture(page, 'app-page')
  // The policy of our page holds for wherever the frame is led.
  const isLed = page.waitForEvent('framenavigated')
  await frame?.evaluate("location.href = 'http://evil.example/?what=it-knows'").catch(() => {})
  assert.match((await isLed).url(), /^chrome-error:/)
  assert.ok(page.url().endsWith('/home/apps/root/notes/page'))
  await waitForHeading(page, 'root/notes')
  assert.deepEqual([...new Set(asked)].sort(), ['localhost', 'notes--root--home.localhost'])
})

test('another site shows it in no frame, whatever it was given', async t => {
  await using elsewhere = await startPage('<title>elsewhere</title>')
  const context = await openContext(home.browser)
  t.after(() => context.close())
  const page = await context.newPage()
  const { stdout } = await home.mesh.ztm('home', ['gui', 'root/notes', '--no-open'])
  const link = stdout.trim()
  await page.goto(`http://${elsewhere.at}/`)
  const isShown = page.waitForEvent('framenavigated', frame => frame !== page.mainFrame())
  await page.evaluate(`{
    const frame = document.createElement('iframe')
    frame.src = ${JSON.stringify(link)}
    document.body.append(frame)
  }`)
  assert.match((await isShown).url(), /^chrome-error:/)
})

test('what a new version asks for beyond the old is shown before it is updated, and the old one comes back', async t => {
  await until(
    async () => JSON.stringify(await home.mesh.json('home', 'get', 'mesh')).includes('"online"'),
    'the mesh is there again',
  )
  writeApp('1.1.0', { storage: true, network: ['example.com:443'], run: ['uptime'] })
  await home.mesh.run('home', 'publish', 'app', folder)
  const page = await home.visit(t)
  await openPage(page, 'Apps')
  await page.getByRole('button', { name: 'Update 1.1.0 root/notes' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('1.0.0 → 1.1.0 (stable)').waitFor()
  await dialog.getByText('The same as at the first install.').waitFor()
  const fresh = dialog.getByLabel('Run the program uptime, which may do everything you may')
  await dialog
    .locator('label')
    .filter({ has: page.getByText('Run the program uptime') })
    .getByText('new')
    .waitFor()
  await fresh.uncheck()
  await assertAccessible(page, 'update')
  await dialog.getByRole('button', { name: 'Update and allow this' }).click()
  await dialog.waitFor({ state: 'detached' })
  await openApp(page)
  await page.getByText('Version: 1.1.0 (stable)').waitFor()
  await page.getByRole('listitem').filter({ hasText: 'uptime' }).getByText('not allowed').waitFor()
  await page.getByRole('button', { name: 'Go back to 1.0.0 root/notes' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Go back to 1.0.0' }).click()
  await page.getByText('Version: 1.0.0 (stable)').waitFor()
})

test('it is stopped, started, disabled and set up; what fails says why', async t => {
  const page = await home.visit(t)
  await openApp(page)
  await page.getByRole('button', { name: 'Stop root/notes' }).click()
  await state(page, 'stopped')
  await page.getByRole('button', { name: 'Start root/notes' }).click()
  await state(page, 'running')
  await page.getByRole('combobox', { name: 'Values it reads, as KEY=VALUE' }).fill('colour=red')
  await page.keyboard.press('Enter')
  await page.getByRole('combobox', { name: 'Besides your own endpoints' }).fill('no name/')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('alert').getByText('bad-input').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('combobox', { name: 'Besides your own endpoints' }).press('Backspace')
  await page.getByRole('combobox', { name: 'Besides your own endpoints' }).fill('bob')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('alert').waitFor({ state: 'detached' })
  await until(async () => {
    const set = await home.mesh.run('home', 'app', 'settings', 'root/notes')
    return set.includes('colour=red') && set.includes('Reached by: your own endpoints, bob')
  }, 'the settings are kept')
  await assertAccessible(page, 'settings of an app')
  await page.getByRole('button', { name: 'Disable root/notes' }).click()
  await state(page, 'disabled')
  await page.getByRole('button', { name: 'Enable root/notes' }).click()
  await state(page, 'running')
})

test('a release with another key is installed only when one says that it is meant', async t => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const file = join(home.mesh.folder, 'other.pem')
  writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  await home.mesh.run('home', 'publisher', 'import', file, '--replace')
  writeApp('2.0.0', { storage: true })
  await home.mesh.run('home', 'publish', 'app', folder, '--new-key')
  const page = await home.visit(t)
  await openApp(page)
  await page.getByRole('button', { name: 'Update 2.0.0' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('This release is signed with another key').waitFor()
  const button = dialog.getByRole('button', { name: 'Update and allow this' })
  await dialog.getByRole('button', { name: 'Update and allow this', disabled: true }).waitFor()
  await dialog.getByLabel('I asked root, and the new key is theirs').check()
  await assertAccessible(page, 'another key')
  await button.click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByText('Version: 2.0.0 (stable)').waitFor()
})

test('an app is looked after at another endpoint of one’s own, in Chinese and on a telephone', async t => {
  const page = await home.visit(t, {
    locale: 'zh-CN',
    colorScheme: 'dark',
    viewport: { width: 390, height: 844 },
  })
  await page.goto(`${home.url}/home/apps`)
  await waitForHeading(page, '应用')
  await page.getByRole('combobox', { name: '所在端点' }).click()
  await page.getByRole('option', { name: 'office' }).click()
  await page.getByText('这里没有安装他人的应用。').waitFor()
  await page.getByRole('button', { name: '安装 root/notes' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('ztm ep office install app root/notes --yes').waitFor()
  await dialog.getByLabel('在此保存自己的记录').waitFor()
  await assertAccessible(page, 'install in Chinese')
  await keepPicture(page, 'install-zh-dark-390')
  await dialog.getByRole('button', { name: '安装并允许这些权限' }).click()
  await dialog.waitFor({ state: 'detached' })
  await table(page, '已安装').getByText('运行中').waitFor()
  await assertFits(page)
  await table(page, '已安装').getByRole('link', { name: 'root/notes' }).click()
  await page.getByText('它的页面在安装它的端点上打开。').waitFor()
  await page.getByRole('region', { name: '日志' }).getByText('notes begin').first().waitFor()
  await assertAccessible(page, 'app in Chinese')
  await assertFits(page)
  await page.getByRole('button', { name: '删除 root/notes', exact: true }).click()
  await page.getByRole('dialog').getByRole('button', { name: '删除', exact: true }).click()
  await page.getByText('未安装', { exact: true }).waitFor()
})

test('what is taken back is offered no more', async t => {
  const page = await home.visit(t)
  await openApp(page)
  await page.getByRole('button', { name: 'Take back 2.0.0' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click()
  await table(page, 'Releases').getByText('taken back').waitFor()
})
