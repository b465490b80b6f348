import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { assertAccessible, assertFits, keepPicture, openContext } from '../testing/browser.ts'
import { makeFilm } from '../testing/make-film.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import type { ProcessMesh } from '../testing/process-mesh.ts'
import { until } from '../testing/until.ts'

let home: PageMesh
let mesh: ProcessMesh

/** Root's `home`, whose page it is, and `office`; bob's `guest`. */
before(async () => {
  home = await createPageMesh()
  ;({ mesh } = home)
  const permit = at('bob.json')
  await mesh.run('home', 'invite', 'bob', '--permit', permit)
  await mesh.startAgent('guest')
  await mesh.run('guest', 'join', 'home', '--as', 'guest', '--permit', permit)
  for (const name of ['own', 'far', 'strange']) mkdirSync(at(name))
  await mesh.run('home', 'cloud', 'config', '--local-dir', at('own'))
})
after(() => home[Symbol.asyncDispose]())

const at = (name: string) => join(mesh.folder, name)
const choose = (page: Page, ...files: { name: string; buffer: Buffer }[]) =>
  page
    .locator('input[type=file][multiple]')
    .setInputFiles(files.map(file => ({ ...file, mimeType: 'application/octet-stream' })))
const dialog = (page: Page) => page.getByRole('dialog')
const openFiles = async (page: Page) => {
  await openPage(page, 'Files')
  await waitForHeading(page, 'Files')
}
const open = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()
const closeDialog = async (page: Page) => {
  await dialog(page).getByRole('button', { name: 'Close' }).click()
  await dialog(page).waitFor({ state: 'detached' })
}

// Texts, as this program knows nothing of documents.
const SEEK = `async video => {
  while (video.readyState < 1) await new Promise(resolve => setTimeout(resolve, 20))
  const { duration } = video
  video.currentTime = duration - 5
  await new Promise(resolve => video.addEventListener('seeked', resolve, { once: true }))
  return { duration, at: video.currentTime, width: video.videoWidth }
}`
const TRY = `async url => {
  const frame = document.createElement('iframe')
  frame.src = url
  document.body.append(frame)
  await new Promise(resolve => { frame.onload = resolve; setTimeout(resolve, 5000) })
  let inner = 'hidden'
  try { inner = frame.contentDocument === null ? 'hidden' : frame.contentDocument.body.innerHTML } catch {}
  frame.remove()
  return { inner, isHarmed: globalThis.harmed === true }
}`
/** A PDF of one red page. */
const PDF = Buffer.from(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n' +
    '3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>endobj\n' +
    '4 0 obj<</Length 23>>stream\n1 0 0 rg 0 0 99 99 re f\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF',
)
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC',
  'base64',
)

test('files are uploaded, published, found and fetched elsewhere, and looked at', async t => {
  const page = await home.visit(t)
  await openFiles(page)
  await page.getByText('Nothing that you may see is published here.').waitFor()
  await assertAccessible(page, 'files, empty')
  const film = await makeFilm(page, 60)
  const hostile = '<img src=x onerror=harmed=true>.txt'
  await choose(
    page,
    { name: 'notes.txt', buffer: Buffer.from('Remember the <b>milk</b>') },
    { name: 'dot.png', buffer: PNG },
    { name: 'paper.pdf', buffer: PDF },
    { name: 'film.webm', buffer: film },
    { name: hostile, buffer: Buffer.from('x') },
  )
  await dialog(page).getByText('5 files').waitFor()
  await dialog(page).getByLabel('Everybody in the mesh').check()
  await dialog(page).getByText('ztm file publish notes.txt --as notes.txt --everyone').waitFor()
  await assertAccessible(page, 'upload')
  await dialog(page).getByRole('button', { name: 'Upload' }).click()
  const table = page.getByRole('table', { name: 'Published files' })
  for (const name of ['notes.txt', 'dot.png', 'paper.pdf', 'film.webm', hostile])
    await table.getByRole('button', { name: `root/${name}`, exact: true }).waitFor()
  await keepPicture(page, 'files')
  await assertAccessible(page, 'files')
  assert.ok(readFileSync(at('own/users/root/film.webm')).equals(film))
  assert.equal(await mesh.run('guest', 'file', 'cat', '/users/root/notes.txt'), 'Remember the <b>milk</b>')
  await mesh.run('office', 'file', 'get', 'film.webm', '--to', at('film.webm'))
  assert.ok(readFileSync(at('film.webm')).equals(film))

  await open(page, 'root/notes.txt')
  await dialog(page).getByText('Remember the <b>milk</b>').waitFor()
  await dialog(page).getByText('ztm file cat /users/root/notes.txt').waitFor()
  await assertAccessible(page, 'preview')
  await closeDialog(page)
  await open(page, 'root/dot.png')
  const picture = dialog(page).getByRole('img', { name: 'dot.png' })
  await picture.waitFor()
  await until(
    async () => (await page.evaluate("document.querySelector('[role=dialog] img').naturalWidth")) === 1,
    'the picture is shown',
  )
  await closeDialog(page)
  const ranges: string[] = []
  page.on('request', request => {
    const { range } = request.headers()
    if (request.url().includes('/api/contents/') && range !== undefined) ranges.push(range)
  })
  await open(page, 'root/film.webm')
  await dialog(page).locator('video').waitFor()
  assert.deepEqual(await page.evaluate(`(${SEEK})(document.querySelector('video'))`), {
    duration: 60,
    at: 55,
    width: 320,
  })
  assert.ok(
    ranges.some(range => Number(/^bytes=(\d+)-/.exec(range)?.[1]) > film.length / 2),
    ranges.join(),
  )
  await keepPicture(page, 'files-film')
  await closeDialog(page)
  await open(page, 'root/paper.pdf')
  await until(
    () => page.frames().some(frame => frame.url().startsWith('chrome-extension:')),
    'the viewer of the browser shows the PDF',
  )
  await closeDialog(page)
  await open(page, `root/${hostile}`)
  await dialog(page).getByText('x', { exact: true }).waitFor()
  assert.equal(await page.evaluate('globalThis.harmed'), undefined)
})

test('what strangers have published is looked at without harm', async t => {
  const script = '<script>top.harmed = true; fetch("/api/meshes")</script>'
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="harmed=true" width="9" height="9">${script}<image href="http://example.com/x.png"/></svg>`
  const files = {
    'evil.html': `<body>${script}`,
    'evil.svg': svg,
    'evil.xhtml': svg,
    'evil.js': 'harmed = true',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(at('strange'), name), text)
  writeFileSync(join(at('strange'), '\u202egpj.exe'), 'MZ')
  await mesh.run('guest', 'file', 'publish', at('strange'), '--as', 'strange', '--everyone')
  const page = await home.visit(t)
  await openFiles(page)
  await open(page, 'bob/strange')
  await page.getByRole('navigation', { name: 'Way to this folder' }).getByText('strange').waitFor()
  await page.getByRole('button', { name: '␣gpj.exe', exact: true }).waitFor()
  const urls: string[] = []
  page.on('response', response => {
    if (response.url().includes('/api/contents/')) urls.push(response.url())
  })
  for (const [index, name] of Object.keys(files).entries()) {
    await open(page, name)
    if (name === 'evil.svg') await dialog(page).getByRole('img', { name }).waitFor()
    else if (name === 'evil.pdf') await dialog(page).locator('iframe').waitFor()
    else await dialog(page).getByText('harmed = true').first().waitFor()
    await until(() => urls.length > index, `${name} came`)
    await closeDialog(page)
  }
  // A page of the same browser that may complain: the frames that it tries are refused.
  const other = await page.context().newPage()
  await other.goto(home.url)
  for (const link of new Set(urls)) {
    // In a frame of the page's own, and by its address: nothing of it is a document.
    const { inner, isHarmed } = (await other.evaluate(`(${TRY})('${link}')`)) as {
      inner: string
      isHarmed: boolean
    }
    assert.doesNotMatch(inner, /<script|<svg/)
    assert.equal(isHarmed, false)
    const tab = await page.context().newPage()
    const answer = await tab.goto(link).catch(() => undefined)
    assert.equal(answer?.status(), 403)
    await tab.close()
  }
  const [link = ''] = urls
  const stranger = await openContext(home.browser)
  assert.equal((await stranger.request.get(link)).status(), 401)
  await stranger.close()
})

test('a file is shared with a user, saved by the browser, fetched to a folder, withdrawn and erased', async t => {
  const page = await home.visit(t)
  await openFiles(page)
  const bytes = randomBytes(3_000_000)
  await choose(page, { name: 'report.bin', buffer: bytes })
  await dialog(page).getByRole('button', { name: 'Upload' }).click()
  const row = page.getByRole('row', { name: /root\/report\.bin/ })
  await row.getByText('Only I').waitFor()
  // What is there already is not replaced unasked, and that is said here.
  await choose(page, { name: 'report.bin', buffer: bytes })
  await dialog(page).getByRole('button', { name: 'Upload' }).click()
  await page.getByRole('alert').getByText('conflict').waitFor()
  assert.doesNotMatch(await mesh.run('guest', 'file', 'ls'), /report/)
  await page.getByRole('button', { name: 'Share root/report.bin' }).click()
  await dialog(page).getByLabel('Users and groups').check()
  await dialog(page).getByRole('combobox', { name: 'Users' }).fill('bob')
  await page.keyboard.press('Enter')
  await dialog(page).getByText('ztm file share /users/root/report.bin --users bob').waitFor()
  await dialog(page).getByRole('button', { name: 'Save' }).click()
  await row.getByText('bob').waitFor()
  assert.match(await mesh.run('guest', 'file', 'ls'), /report/)

  const saving = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save root/report.bin' }).click()
  const saved = await saving
  assert.equal(saved.suggestedFilename(), 'report.bin')
  assert.ok(readFileSync(await saved.path()).equals(bytes))
  await page.getByRole('button', { name: 'Fetch root/report.bin' }).click()
  await dialog(page).getByLabel('Where to').fill(at('fetched.bin'))
  await dialog(page).getByRole('button', { name: 'Fetch' }).click()
  const transfers = page.getByRole('table', { name: 'Transfers' })
  await transfers.getByRole('row', { name: /Fetched.*fetched\.bin.*100 %.*done/ }).waitFor()
  await transfers.getByRole('row', { name: /Saved by a browser.*report\.bin.*100 %.*done/ }).waitFor()
  assert.ok(readFileSync(at('fetched.bin')).equals(bytes))
  // What the agent does is there after the page was loaded again.
  await page.reload()
  await transfers.getByRole('row', { name: /Fetched.*fetched\.bin.*done/ }).waitFor()
  await assertAccessible(page, 'transfers')
  await keepPicture(page, 'files-transfers')

  await page.getByRole('tab', { name: 'In the mesh' }).click()
  await page.getByRole('button', { name: 'Unpublish root/report.bin' }).click()
  await dialog(page).getByLabel('Remove it from the disks of my computers, too').check()
  await dialog(page).getByRole('button', { name: 'Erase' }).click()
  await row.waitFor({ state: 'detached' })
  await until(() => !existsSync(at('own/users/root/report.bin')), 'it is gone from the disk')
  assert.doesNotMatch(await mesh.run('guest', 'file', 'ls'), /report/)
})

test('files are dropped into a folder of another computer, and go on where they were after a reload', async t => {
  const page = await home.visit(t)
  await openFiles(page)
  await page.getByRole('tab', { name: 'On computers' }).click()
  await page.getByRole('combobox', { name: 'Computer' }).click()
  await page.getByRole('option', { name: 'office' }).click()
  await page.getByLabel('Folder', { exact: true }).fill(at('far'))
  await page.getByRole('button', { name: 'Go', exact: true }).click()
  await page.getByText('This folder is empty.').waitFor()
  const dropped = await page.evaluateHandle(`(() => {
    const data = new DataTransfer()
    data.items.add(new File(['dropped'], 'dropped.txt'))
    return data
  })()`)
  for (const event of ['dragover', 'drop'])
    await page.getByTestId('drop-zone').dispatchEvent(event, { dataTransfer: dropped })
  await dialog(page).getByText('1 files, 7 byte').waitFor()
  await dialog(page).getByRole('button', { name: 'Upload' }).click()
  await until(() => existsSync(at('far/dropped.txt')), 'the file is there')
  assert.equal(readFileSync(at('far/dropped.txt'), 'utf8'), 'dropped')

  const network = await page.context().newCDPSession(page)
  const limit = (uploadThroughput: number) =>
    network.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    })
  const large = randomBytes(24_000_000)
  const path = at('large.bin')
  writeFileSync(path, large)
  const input = page.locator('input[type=file][multiple]')
  await limit(1_500_000)
  await input.setInputFiles(path)
  await dialog(page).getByRole('button', { name: 'Upload' }).click()
  await page.getByRole('tab', { name: 'Transfers' }).click()
  const row = page.getByRole('table', { name: 'Transfers' }).getByRole('row', { name: /large\.bin/ })
  await row.getByText(/\d+ % · [\d.]+ MB \/ 24 MB · .*\/s · \d:\d\d left/).waitFor()
  page.once('dialog', asked => void asked.accept())
  await page.reload()
  // Nothing comes any more; how much came is known.
  await row.getByText('Choose the same file again to go on.').waitFor()
  const part = Number(/(\d+) %/.exec((await row.textContent()) ?? '')?.[1])
  assert.ok(part > 0 && part < 100, `${part} %`)
  assert.equal(existsSync(at('far/large.bin')), false)
  await limit(-1)
  const sent: number[] = []
  page.on('request', request => {
    const offset = new URL(request.url()).searchParams.get('offset')
    if (offset !== null) sent.push(Number(offset))
  })
  await page.goBack()
  await page.getByRole('button', { name: 'dropped.txt', exact: true }).waitFor()
  await input.setInputFiles(path)
  await dialog(page).getByRole('button', { name: 'Upload' }).click()
  await until(() => existsSync(at('far/large.bin')), 'the rest has come')
  assert.ok(readFileSync(at('far/large.bin')).equals(large))
  assert.ok((sent[0] ?? 0) > 0, 'what came before is not sent again')
})

test('a mirror is made, a file arrives, and a folder is granted', async t => {
  mkdirSync(at('left'))
  const page = await home.visit(t)
  await openFiles(page)
  await page.getByRole('tab', { name: 'Mirrors' }).click()
  await page.getByRole('button', { name: 'New mirror' }).click()
  await dialog(page).getByLabel('Folder here').fill(at('left'))
  await dialog(page).getByRole('combobox', { name: 'Other computer' }).click()
  await page.getByRole('option', { name: 'office' }).click()
  await dialog(page).getByLabel('Folder there').fill(at('right'))
  await dialog(page).getByText('ztm file mirror').waitFor()
  await assertAccessible(page, 'new mirror')
  await dialog(page).getByRole('button', { name: 'Begin' }).click()
  const row = page.getByRole('table', { name: 'Mirrors' }).getByRole('row', { name: /left/ })
  await row.getByText('in sync').waitFor()
  writeFileSync(at('left/new.txt'), 'new')
  await until(() => existsSync(at('right/new.txt')), 'the file is on the other side')
  await page.getByRole('button', { name: 'Pause left' }).click()
  await row.getByText('paused').waitFor()
  await keepPicture(page, 'files-mirrors')
  await page.getByRole('button', { name: 'End left' }).click()
  await dialog(page).getByRole('button', { name: 'End' }).click()
  await row.waitFor({ state: 'detached' })

  await page.getByLabel('Folder here').fill(at('left'))
  await page.getByRole('combobox', { name: 'Users' }).fill('bob')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Let them use it' }).click()
  await page.getByRole('table', { name: 'Folders that others may use' }).getByText('bob').waitFor()
  assert.equal(await mesh.run('guest', 'file', 'cat', `root@home:${at('left/new.txt')}`), 'new')
  await assertAccessible(page, 'mirrors')
  await page.getByRole('button', { name: `Take back ${at('left')}` }).click()
  await dialog(page).getByRole('button', { name: 'Take back' }).click()
  await page.getByText('Nobody else may use a folder of this computer.').waitFor()
  const { code } = await mesh.ztm('guest', ['file', 'cat', `root@home:${at('left/new.txt')}`])
  assert.notEqual(code, 0)
})

test('what fails is told where it happened, and the page is read on a telephone in Chinese', async t => {
  const page = await home.visit(t, {
    locale: 'zh-CN',
    viewport: { width: 390, height: 800 },
    colorScheme: 'dark',
  })
  await page.getByRole('button', { name: '菜单' }).click()
  await openPage(page, '文件')
  await waitForHeading(page, '文件')
  const table = page.getByRole('table', { name: '已发布的文件' })
  await table.getByRole('button', { name: 'root/notes.txt', exact: true }).waitFor()
  await assertFits(page)
  await assertAccessible(page, 'files in Chinese')
  await keepPicture(page, 'files-telephone-zh')
  await table.getByRole('button', { name: 'root/notes.txt', exact: true }).click()
  await dialog(page).getByText('Remember the <b>milk</b>').waitFor()
  await dialog(page).getByRole('button', { name: '关闭' }).click()
  await page.getByRole('tab', { name: '在计算机上' }).click()
  await page.getByLabel('文件夹', { exact: true }).fill('/nowhere/at/all')
  await page.getByRole('button', { name: '前往' }).click()
  await page.getByRole('alert').getByText('not-found').waitFor()
})
