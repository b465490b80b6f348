import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { assertAccessible, keepPicture } from '../testing/browser.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import type { Daemon, ProcessMesh } from '../testing/process-mesh.ts'

let home: PageMesh
let mesh: ProcessMesh
let guest: Daemon

/** Root's `home`, whose page it is, and bob's `guest`. */
before(async () => {
  home = await createPageMesh()
  ;({ mesh } = home)
  const permit = at('bob.json')
  await mesh.run('home', 'invite', 'bob', '--permit', permit)
  guest = await mesh.startAgent('guest')
  await mesh.run('guest', 'join', 'home', '--as', 'guest', '--permit', permit)
})
after(() => home[Symbol.asyncDispose]())

const at = (name: string) => join(mesh.folder, name)

test('versions that are kept are listed, and one is fetched; a download is paused and goes on', async t => {
  const edition = at('edition.txt')
  for (const text of ['first edition', 'second edition, which is longer']) {
    writeFileSync(edition, text)
    await mesh.run('guest', 'file', 'publish', edition, '--keep', '3', '--everyone')
  }
  const page = await home.visit(t)
  const dialog = page.getByRole('dialog')
  await openPage(page, 'Files')
  await waitForHeading(page, 'Files')
  await page.getByRole('button', { name: 'Fetch bob/edition.txt' }).click()
  await dialog.getByRole('combobox', { name: 'Version' }).click()
  await page.getByRole('option', { name: /13 byte/ }).click()
  await dialog.getByLabel('Where to').fill(at('old.txt'))
  await dialog.getByText(/ztm file get \/users\/bob\/edition\.txt --to \S+ --old \d+/).waitFor()
  await assertAccessible(page, 'versions')
  await dialog.getByRole('button', { name: 'Fetch' }).click()
  const transfers = page.getByRole('table', { name: 'Transfers' })
  await transfers.getByRole('row', { name: /Fetched.*old\.txt.*done/ }).waitFor()
  assert.equal(readFileSync(at('old.txt'), 'utf8'), 'first edition')

  // Who has it is stopped in the middle, so that there is time for a click.
  const large = randomBytes(250_000_000)
  writeFileSync(at('film.raw'), large)
  await mesh.run('guest', 'file', 'publish', at('film.raw'), '--everyone')
  await page.getByRole('tab', { name: 'In the mesh' }).click()
  await page.getByRole('button', { name: 'Fetch bob/film.raw' }).click()
  await dialog.getByLabel('Where to').fill(at('film.raw.copy'))
  const started = page.waitForResponse(response => response.url().endsWith('/downloads'))
  await dialog.getByRole('button', { name: 'Fetch' }).click()
  await started
  guest.child.kill('SIGSTOP')
  try {
    const row = transfers.getByRole('row', { name: /film\.raw/ })
    await row.getByRole('button', { name: /^Pause/ }).click()
    await row.getByText('paused').waitFor()
    await keepPicture(page, 'files-paused')
    assert.equal(existsSync(at('film.raw.copy')), false)
    guest.child.kill('SIGCONT')
    await row.getByRole('button', { name: /^Go on/ }).click()
    await row.getByText('done').waitFor()
  } finally {
    guest.child.kill('SIGCONT')
  }
  assert.ok(readFileSync(at('film.raw.copy')).equals(large))
})
