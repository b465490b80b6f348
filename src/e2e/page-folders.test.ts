import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { assertAccessible, assertFits, keepPicture } from '../testing/browser.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import type { ProcessMesh } from '../testing/process-mesh.ts'
import { until } from '../testing/until.ts'

let home: PageMesh
let mesh: ProcessMesh

/** Root's `home`, whose page it is, and `office`; bob's `guest`, who granted root a folder to read. */
before(async () => {
  home = await createPageMesh()
  ;({ mesh } = home)
  const permit = at('bob.json')
  await mesh.run('home', 'invite', 'bob', '--permit', permit)
  await mesh.startAgent('guest')
  await mesh.run('guest', 'join', 'home', '--as', 'guest', '--permit', permit)
  mkdirSync(at('far/pictures/2026'), { recursive: true })
})
after(() => home[Symbol.asyncDispose]())

const at = (name: string) => join(mesh.folder, name)
const dialog = (page: Page) => page.getByRole('dialog')
const openFolder = async (page: Page, computer: string, path: string) => {
  await openPage(page, 'Files')
  await waitForHeading(page, 'Files')
  await page.getByRole('tab', { name: 'On computers' }).click()
  await page.getByRole('combobox', { name: 'Computer' }).click()
  await page.getByRole('option', { name: computer, exact: true }).click()
  await page.getByLabel('Folder', { exact: true }).fill(path)
  await page.getByRole('button', { name: 'Go', exact: true }).click()
}

test('folders are made, things renamed and deleted on another computer, as on the command line', async t => {
  const page = await home.visit(t)
  await openFolder(page, 'office', at('far'))
  await page.getByRole('button', { name: 'New folder' }).click()
  await dialog(page).getByLabel('Name').fill('a/b')
  await dialog(page).getByRole('button', { name: 'Make', disabled: true }).waitFor()
  await dialog(page).getByLabel('Name').fill('pictures')
  await dialog(page)
    .getByText(`ztm file mkdir office:${at('far/pictures')}`)
    .waitFor()
  await assertAccessible(page, 'new folder')
  await dialog(page).getByRole('button', { name: 'Make' }).click()
  await dialog(page).getByRole('alert').getByText('conflict').waitFor()
  await dialog(page).getByLabel('Name').fill('new & <b>old')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Rename new & <b>old' }).click()
  assert.deepEqual(readdirSync(at('far')).sort(), ['new & <b>old', 'pictures'])
  await dialog(page).getByLabel('Name').fill('works')
  await dialog(page).getByRole('button', { name: 'Rename' }).click()
  await page.getByRole('button', { name: 'works', exact: true }).waitFor()
  mkdirSync(at('far/works/deep'))
  for (let number = 0; number < 300; number += 1) writeFileSync(at(`far/works/deep/${number}`), '')
  await page.getByRole('button', { name: 'Delete works' }).click()
  await dialog(page).getByText('with all that is in it').waitFor()
  await dialog(page)
    .getByText(`ztm file rm --recursive office:${at('far/works')}`)
    .waitFor()
  await keepPicture(page, 'files-delete')
  await assertAccessible(page, 'delete folder')
  await dialog(page).getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('button', { name: 'works', exact: true }).waitFor({ state: 'detached' })
  await until(() => !existsSync(at('far/works')), 'it is gone from the disk')
  assert.deepEqual(readdirSync(at('far')), ['pictures'])

  await mesh.run('home', 'file', 'mkdir', `office:${at('far/by command')}`)
  await mesh.run('home', 'file', 'rename', `office:${at('far/by command')}`, 'renamed')
  assert.ok(existsSync(at('far/renamed')))
  await mesh.run('home', 'ep', 'office', 'file', 'rm', at('far/renamed'))
  assert.equal(existsSync(at('far/renamed')), false)
  const { code, stderr } = await mesh.ztm('home', ['file', 'rm', 'pictures'])
  assert.match(`${code} ${stderr}`, /say on which disk/)
})

test('what others let one only read is refused where it was tried, in Chinese on a telephone', async t => {
  mkdirSync(at('theirs'))
  writeFileSync(at('theirs/a.txt'), 'a')
  await mesh.run('guest', 'file', 'grant', at('theirs'), '--user', 'root')
  const page = await home.visit(t, { locale: 'zh-CN', viewport: { width: 390, height: 800 } })
  await page.getByRole('button', { name: '菜单' }).click()
  await openPage(page, '文件')
  await page.getByRole('tab', { name: '在计算机上' }).click()
  await page.getByRole('combobox', { name: '计算机' }).click()
  await page.getByRole('option', { name: 'bob@guest' }).click()
  await page.getByLabel('文件夹', { exact: true }).fill(at('theirs'))
  await page.getByRole('button', { name: '前往' }).click()
  await page.getByRole('button', { name: '删除 a.txt' }).click()
  await dialog(page)
    .getByText(`ztm file rm bob@guest:${at('theirs/a.txt')}`)
    .waitFor()
  await dialog(page).getByRole('button', { name: '删除' }).click()
  await dialog(page).getByRole('alert').getByText('denied').waitFor()
  await assertFits(page)
  await assertAccessible(page, 'delete, in Chinese')
  assert.ok(existsSync(at('theirs/a.txt')))
})

test('a whole folder of a disk, and a published tree, are saved by the browser as one archive', async t => {
  const bytes = randomBytes(3_000_000)
  writeFileSync(at('far/pictures/2026/größe 大.jpg'), bytes)
  for (let number = 0; number < 50; number += 1) writeFileSync(at(`far/pictures/${number}.txt`), `${number}`)
  symlinkSync('2026', at('far/pictures/latest'))
  await mesh.run('office', 'file', 'publish', at('far/pictures'), '--as', 'pictures')
  const page = await home.visit(t)
  await openFolder(page, 'office', at('far'))
  const save = async (name: string) => {
    const saving = page.waitForEvent('download')
    await page.getByRole('button', { name }).click()
    const saved = await saving
    assert.equal(saved.suggestedFilename(), 'pictures.tar')
    const to = at(`saved-${name.replaceAll('/', ' ')}`)
    mkdirSync(to)
    execFileSync('tar', ['-xf', await saved.path(), '-C', to])
    execFileSync('diff', ['-r', at('far/pictures'), join(to, 'pictures')])
  }
  await save('Save pictures')
  await page.getByRole('tab', { name: 'In the mesh' }).click()
  await save('Save root/pictures')
  await page.getByRole('button', { name: 'root/pictures', exact: true }).click()
  await page.getByText('ztm file cat --tar /users/root/pictures').waitFor()
  await save('Save this folder as an archive')
  await assertAccessible(page, 'inside a tree')
  await page.getByRole('tab', { name: 'Transfers' }).click()
  const transfers = page.getByRole('table', { name: 'Transfers' })
  await transfers
    .getByRole('row', { name: /Saved by a browser.*pictures\.tar.*100 %.*done/ })
    .first()
    .waitFor()
  const byCommand = await mesh.run('home', 'file', 'cat', '--tar', `office:${at('far/pictures')}`)
  assert.match(byCommand, /pictures\/latest/)
})

test('an archive that breaks off in the middle is never taken for a whole one', async t => {
  const fill = (name: string) => {
    mkdirSync(at(`far/${name}`))
    writeFileSync(at(`far/${name}/a.bin`), randomBytes(9_000_000))
    writeFileSync(at(`far/${name}/z.bin`), '')
    truncateSync(at(`far/${name}/z.bin`), 800_000_000)
  }
  fill('changed')
  fill('gone')
  const page = await home.visit(t)
  await openFolder(page, 'office', at('far'))
  const begin = async (name: string) => {
    const saving = page.waitForEvent('download')
    await page.getByRole('button', { name: `Save ${name}` }).click()
    return saving
  }
  // Its last file becomes another while the first are on their way: the browser begins anew with what there is then.
  const changed = await begin('changed')
  writeFileSync(at('far/changed/z.bin'), 'another')
  assert.equal(await changed.failure(), null)
  execFileSync('tar', ['-xf', await changed.path(), '-C', mesh.folder])
  execFileSync('diff', ['-r', at('far/changed'), at('changed')])
  const gone = await begin('gone')
  rmSync(at('far/gone'), { recursive: true })
  assert.notEqual(await gone.failure(), null)
  await page.getByRole('tab', { name: 'Transfers' }).click()
  await page
    .getByRole('row', { name: /gone\.tar/ })
    .getByText('waiting')
    .waitFor()
})

const limitUpload = async (page: Page, uploadThroughput: number) => {
  const network = await page.context().newCDPSession(page)
  const terms = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput }
  await network.send('Network.emulateNetworkConditions', terms)
}
const upload = async (page: Page, ...files: string[]) => {
  await page.locator('input[type=file][multiple]').setInputFiles(files)
  await dialog(page).getByRole('button', { name: 'Upload' }).click()
}

test('one file sent by two windows at once is whole, and an upload goes on after the connection was gone', async t => {
  mkdirSync(at('far/both'))
  const bytes = randomBytes(5_000_000)
  writeFileSync(at('both.bin'), bytes)
  const page = await home.visit(t)
  const other = await page.context().newPage()
  await openFolder(page, 'office', at('far/both'))
  await other.goto(page.url())
  await other.getByText('This folder is empty.').waitFor()
  for (const one of [page, other]) await limitUpload(one, 2_000_000)
  await Promise.all([upload(page, at('both.bin')), upload(other, at('both.bin'))])
  await until(() => existsSync(at('far/both/both.bin')), 'the file is there')
  assert.ok(readFileSync(at('far/both/both.bin')).equals(bytes))
  await other.close()
  await page.getByRole('progressbar').waitFor({ state: 'detached' })
  await until(() => readdirSync(at('far/both')).join() === 'both.bin', 'nothing is left of the other upload')

  mkdirSync(at('far/cut'))
  await page.getByLabel('Folder', { exact: true }).fill(at('far/cut'))
  await page.getByRole('button', { name: 'Go', exact: true }).click()
  await page.getByText('This folder is empty.').waitFor()
  await upload(page, at('both.bin'))
  await until(() => readdirSync(at('far/cut')).length > 0, 'some of it is there')
  await page.context().setOffline(true)
  await page.evaluate(
    'new Promise(resolve => addEventListener("offline", resolve) ?? (navigator.onLine || resolve()))',
  )
  await page.context().setOffline(false)
  await until(() => existsSync(at('far/cut/both.bin')), 'it went on')
  assert.ok(readFileSync(at('far/cut/both.bin')).equals(bytes))
})

test('hundreds of files that are dropped all arrive, and one that is given up does not hold up the rest', async t => {
  await mesh.run('home', 'cloud', 'config', '--local-dir', at('own'))
  mkdirSync(at('far/many'))
  const page = await home.visit(t)
  await openFolder(page, 'home (this computer)', at('far/many'))
  await page.getByText('This folder is empty.').waitFor()
  const dropped = await page.evaluateHandle(`(() => {
    const data = new DataTransfer()
    for (let at = 0; at < 300; at += 1) data.items.add(new File([String(at)], 'f' + at))
    return data
  })()`)
  for (const event of ['dragover', 'drop'])
    await page.getByTestId('drop-zone').dispatchEvent(event, { dataTransfer: dropped })
  await dialog(page).getByText('300 files').waitFor()
  await dialog(page).getByRole('button', { name: 'Upload' }).click()
  // The page is of use meanwhile.
  await page.getByRole('tab', { name: 'Transfers' }).click()
  await page.getByText(/^50 of \d/).waitFor()
  const there = () => readdirSync(at('far/many')).filter(name => /^f\d+$/.test(name)).length
  for (const count of [50, 100, 150, 200, 250, 300])
    await until(() => there() >= count, `${count} of them are there`)
  assert.equal(readFileSync(at('far/many/f299'), 'utf8'), '299')
  await page.getByRole('button', { name: 'Clear ended uploads' }).click()

  await page.getByRole('tab', { name: 'In the mesh' }).click()
  mkdirSync(at('own/users/root/set'), { recursive: true })
  writeFileSync(at('own/users/root/set/taken.txt'), 'there already')
  mkdirSync(at('set'))
  for (const name of ['a.txt', 'taken.txt']) writeFileSync(at(`set/${name}`), name)
  await page.locator('input[type=file]:not([multiple])').setInputFiles(at('set'))
  await dialog(page).getByRole('button', { name: 'Upload' }).click()
  await page.getByRole('alert').getByText('conflict').waitFor()
  await page.getByRole('tab', { name: 'Transfers' }).click()
  await page.getByRole('button', { name: /^Stop .*taken\.txt/ }).click()
  await page.getByRole('tab', { name: 'In the mesh' }).click()
  await page.getByRole('button', { name: 'root/set', exact: true }).waitFor()
  assert.match(await mesh.run('home', 'file', 'ls', 'set'), /a\.txt/)
})
