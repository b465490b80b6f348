import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import {
  assertAccessible,
  assertFits,
  keepPicture,
  openContext,
  settled,
  startBrowser,
  waitForValue,
} from '../testing/browser.ts'
import { startPage } from '../testing/page.ts'
import { createPageMesh, openPage, type PageMesh, visitPage, waitForHeading } from '../testing/page-visit.ts'
import { freePort } from '../testing/process-mesh.ts'
import { writeQrVideo } from '../testing/qr-video.ts'
import { until } from '../testing/until.ts'

let home: PageMesh
let port = 0

before(async () => {
  home = await createPageMesh({ others: ['office'], joinsHome: false })
  port = await freePort()
})
after(async () => {
  await home.mesh.ztm('home', ['stop', 'hub'])
  await home[Symbol.asyncDispose]()
})

const visit = (t: TestContext, options?: BrowserContextOptions) => home.visit(t, options)
const invite = async (user: string) =>
  ((await home.mesh.json('office', 'invite', user)) as { link: string }).link
const leave = (mesh: string) => home.mesh.run('home', 'leave', mesh)

async function joinAs(page: Page, endpoint: string): Promise<void> {
  await page.getByLabel('Name of this computer in the mesh').fill(endpoint)
  await page.getByRole('button', { name: 'Join', exact: true }).click()
  await waitForHeading(page, 'Overview')
}

test('a link opens the page with its permit, which says where it leads and waits to be used', async t => {
  const link = await invite('ann')
  const page = await visit(t)
  await page.goto(`${home.url}/join#${link}`)
  await waitForHeading(page, 'Join a mesh')
  const leads = page.getByRole('status').filter({ hasText: 'It leads to' })
  await leads.getByText(new URL(link.replace('ztm:', 'http:')).host).waitFor()
  // A secret: it does not stay in the address, nor in the history.
  await page.waitForURL(`${home.url}/join`)
  await waitForValue(page.getByLabel('Permit'), link)
  await assertAccessible(page, 'join')
  await keepPicture(page, 'join')
  await joinAs(page, 'home-of-ann')
  await page.getByText('You are ann at home-of-ann').waitFor()
  await leave('home')
})

test('a link at another site lets nobody in by itself: the person says so, and uses it or not', async t => {
  const link = await invite('eve')
  await using elsewhere = await startPage(
    `<title>elsewhere</title><a href="${home.url}/join#${link}">a mesh for you</a>`,
  )
  const context = await openContext(home.browser)
  t.after(() => context.close())
  const page = await context.newPage()
  await page.goto(`http://${elsewhere.at}/`)
  await page.getByRole('link').click()
  await waitForHeading(page, 'Log in')
  await page.getByRole('link', { name: 'I run this agent on this computer: go on' }).click()
  await waitForHeading(page, 'Join a mesh')
  await waitForValue(page.getByLabel('Permit'), link)
  assert.deepEqual(await home.mesh.json('home', 'get', 'mesh'), [])
})

test('the command line opens the page with a link', async t => {
  const link = await invite('bob')
  const page = await visit(t)
  const { url } = (await home.mesh.json('home', 'gui', link, '--no-open')) as { url: string }
  await page.goto(url)
  await waitForHeading(page, 'Join a mesh')
  await waitForValue(page.getByLabel('Permit'), link)
  // What a browser passes on that opens `web+ztm:` links with this page.
  await page.goto(`${home.url}/join#${encodeURIComponent(`web+${link}`)}`)
  await page.getByRole('status').filter({ hasText: 'It leads to' }).waitFor()
  await joinAs(page, 'home-of-bob')
  await leave('home')
})

test('a QR code is shown with an invitation, and read by the camera', async t => {
  const link = await invite('cleo')
  const film = join(home.mesh.folder, 'code.y4m')
  await writeQrVideo(film, link)
  await using camera = await startBrowser([
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-video-capture=${film}`,
  ])
  const page = await visitPage(t, camera, `${home.url}/join`, { permissions: ['camera'] })
  await waitForHeading(page, 'Join a mesh')
  await page.getByRole('button', { name: 'Scan a QR code' }).click()
  await page.getByRole('status').filter({ hasText: 'It leads to' }).waitFor()
  await waitForValue(page.getByLabel('Permit'), link)
  // The camera is let go.
  await page.locator('video').waitFor({ state: 'detached' })
  await joinAs(page, 'home-of-cleo')
  await leave('home')
})

test('without a camera the page says so, and reads a picture of a code instead; what is none is said in place', async t => {
  const link = await invite('dora')
  const page = await visit(t)
  await page.goto(`${home.url}/join`)
  await page.getByRole('button', { name: 'Scan a QR code' }).click()
  await page.getByRole('alert').getByText('Cannot use the camera').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  const picture = await drawCode(page, link)
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Choose a permit, or a picture of its QR code' }).click()
  await (await chooser).setFiles({ name: 'code.png', mimeType: 'image/png', buffer: picture })
  await page.getByRole('status').filter({ hasText: 'It leads to' }).waitFor()
  await waitForValue(page.getByLabel('Permit'), link)
  const again = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Choose a permit, or a picture of its QR code' }).click()
  const junk = Buffer.from('no picture')
  await (await again).setFiles({ name: 'code.png', mimeType: 'image/png', buffer: junk })
  await page.getByRole('alert').getByText('bad-input').waitFor()
})

test('a hub is started here on one page, which joins it and says who can reach it', async t => {
  const page = await visit(t)
  await page.goto(`${home.url}/join`)
  await page.getByRole('link', { name: 'Start a hub here' }).click()
  await waitForHeading(page, 'Start a hub here')
  await page.getByLabel('Your name for the mesh').fill('mine')
  await page.getByLabel('Name of this computer in the mesh').fill('first')
  await page.getByLabel('Port of the hub').fill(String(port))
  const names = page.getByRole('combobox', { name: 'Where the others reach it' })
  await settled(page)
  while ((await page.locator('form [data-with-remove] button').count()) > 0) await names.press('Backspace')
  for (const name of [`127.0.0.1:${port}`, 'hub.invalid:1']) {
    await names.fill(name)
    await names.press('Enter')
  }
  await page.keyboard.press('Escape')
  await assertAccessible(page, 'start')
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByText('You are root at first').waitFor()
  const places = page.getByRole('list', { name: 'See who can reach it' }).getByRole('listitem')
  await places
    .filter({ hasText: `127.0.0.1:${port}` })
    .getByText('for this computer alone')
    .waitFor()
  await places.filter({ hasText: 'hub.invalid:1' }).getByText('no answer').waitFor()
  await assertAccessible(page, 'started')
  await keepPicture(page, 'start-hub')
  await page.getByRole('link', { name: 'Go to the mesh' }).click()
  await page.getByText('You are root at first').waitFor()

  // The first thing one does: invite somebody, by a code for a telephone.
  await openPage(page, 'Users')
  await page.getByRole('button', { name: 'Invite' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Name of the user').fill('bob')
  await form.getByRole('button', { name: 'Invite' }).click()
  await form.getByRole('img', { name: 'The link as a QR code' }).locator('path').waitFor()
  await assertAccessible(page, 'invitation with a code')
})

test('what starting a hub here says when it cannot, in Chinese and on a telephone', async t => {
  await home.mesh.ztm('home', ['stop', 'hub'])
  const page = await visit(t, { locale: 'zh-CN', viewport: { width: 390, height: 844 } })
  await page.goto(`${home.url}/start`)
  await waitForHeading(page, '在本机启动集线器')
  const taken = new URL(home.url).port
  await page.getByLabel('集线器端口').fill(taken)
  await page.getByLabel('本机在网格中的名称').fill('x')
  await page.getByRole('button', { name: '开始', exact: true }).click()
  await page.getByRole('alert').getByText('port-in-use').waitFor()
  await assertFits(page)
  await assertAccessible(page, 'start in Chinese')
})

// The last one: nobody needs the agent after it.
test('the page can be installed, keeps nothing, lets nobody in by it, and says when the agent is gone', async t => {
  const context = await openContext(home.browser)
  t.after(() => context.close())
  const page = await context.newPage()
  await page.goto(home.url)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await until(async () => (await page.evaluate(PRELOADS)) === true, 'the worker is there')
  const tools = await context.newCDPSession(page)
  assert.deepEqual((await tools.send('Page.getAppManifest')).errors, [])
  const { installabilityErrors } = await tools.send('Page.getInstallabilityErrors')
  // The one thing in the way is of this browser, which keeps nothing.
  assert.deepEqual(
    installabilityErrors.map(({ errorId }) => errorId).filter(id => id !== 'in-incognito'),
    [],
  )
  // By the worker now; and it keeps nothing of it.
  await page.reload()
  await page.getByRole('heading', { level: 1 }).waitFor()
  assert.deepEqual(await page.evaluate('caches.keys()'), [])

  // A page elsewhere leads here, by the worker: it must not look as if the page itself had asked.
  await page.evaluate('localStorage.clear()')
  await context.clearCookies()
  await using elsewhere = await startPage(`<title>elsewhere</title><a href="${home.url}/">here</a>`)
  await page.goto(`http://${elsewhere.at}/`)
  await page.getByRole('link').click()
  await waitForHeading(page, 'Log in')

  await [...home.mesh.daemons].find(({ name }) => name === 'home')?.stop()
  const answer = await page.goto(home.url)
  assert.equal(answer?.status(), 503)
  await waitForHeading(page, 'The agent does not answer')
  await assertAccessible(page, 'offline')
  await home.mesh.startAgent('home', { args: ['--listen', `127.0.0.1:${new URL(home.url).port}`] })
  await page.getByRole('link', { name: 'Try again' }).click()
  await page.getByRole('heading', { name: 'The agent does not answer' }).waitFor({ state: 'detached' })
})

const PRELOADS =
  'navigator.serviceWorker.getRegistration().then(one => one?.active?.state === "activated" && one.navigationPreload.getState().then(({ enabled }) => enabled))'

/** A picture of a code, as a person would keep it, drawn by the browser. */
async function drawCode(page: Page, text: string): Promise<Buffer> {
  const { encode } = await import('uqr')
  const { data, size } = encode(text, { ecc: 'L', border: 4 })
  const url = await page.evaluate(DRAW, { data, size })
  return Buffer.from(url.split(',')[1] ?? '', 'base64')
}

// A text, as this program knows nothing of documents.
const DRAW = new Function(
  'code',
  `const canvas = document.createElement('canvas')
  canvas.width = canvas.height = code.size * 4
  const context = canvas.getContext('2d')
  context.fillStyle = '#fff'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.fillStyle = '#000'
  code.data.forEach((row, y) => row.forEach((dark, x) => dark && context.fillRect(x * 4, y * 4, 4, 4)))
  return canvas.toDataURL('image/png')`,
) as (code: { data: boolean[][]; size: number }) => string
