import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { assertAccessible, keepPicture } from '../testing/browser.ts'
import { type CommerceServer, startCommerceServer } from '../testing/commerce-server.ts'
import { enrolProgram } from '../testing/enrolled-program.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import { readText } from '../testing/process-mesh.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'

// The controller by the web page, as an operator uses it: a real hub with billing, real agents, and programs of the SDK.

let home: PageMesh
let commerce: CommerceServer
let target: net.Server
const scratch = makeScratchFolder()

before(async () => {
  commerce = await startCommerceServer({ file: scratch.file('commerce.db') })
  home = await createPageMesh({
    hub: {
      args: ['--commerce-url', commerce.url, '--billing-recheck', '1'],
      env: { ZTM_COMMERCE_TOKEN: 'mesh-token' },
    },
  })
  target = net
    .createServer(socket => {
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    .listen(0, '127.0.0.1')
  await once(target, 'listening')
})
after(async () => {
  await home[Symbol.asyncDispose]()
  target.close()
  await commerce[Symbol.asyncDispose]()
  scratch[Symbol.dispose]()
})

/** Open a section of the controller. */
async function openSection(page: Page, title: string): Promise<void> {
  await openPage(page, 'Controller')
  await page
    .getByRole('navigation', { name: 'Controller' })
    .getByRole('link', { name: title, exact: true })
    .click()
  await waitForHeading(page, title)
}

/** Type words into a field of tags. */
async function typeTags(field: Locator, ...words: string[]): Promise<void> {
  for (const word of words) {
    await field.fill(word)
    await field.press('Enter')
  }
}

/** Choose in a list that opens. */
async function choose(page: Page, field: Locator, name: string | RegExp): Promise<void> {
  await field.click()
  await page.getByRole('option', { name }).click()
}

test('an operator makes service, identity and policy; a program enrols, dials, is seen, and is ended', async t => {
  const page = await home.visit(t)
  await openSection(page, 'Services')
  await page.getByRole('button', { name: 'Services: a new one' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Name').fill('db')
  await typeTags(form.getByRole('combobox', { name: 'Attributes' }), 'data')
  await form.getByText('ztm create service db --attributes data').waitFor()
  await assertAccessible(page, 'new service')
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('table', { name: 'Services' }).getByRole('link', { name: 'db' }).waitFor()
  const { port } = target.address() as net.AddressInfo
  await home.mesh.run(
    'office',
    ...['tunnel', 'open', 'outbound', 'tcp/db', '--targets', `127.0.0.1:${port}`, '--policies'],
  )

  await openSection(page, 'Identities')
  await page.getByRole('button', { name: 'Identities: a new one' }).click()
  await form.getByLabel('Name').fill('robot')
  await typeTags(form.getByRole('combobox', { name: 'Attributes' }), 'robots')
  await form.getByText('ztm create identity robot --attributes robots --ott robot.jwt').waitFor()
  await form.getByRole('button', { name: 'Save' }).click()
  const field = form.getByLabel('Enrolment token of robot')
  const token = await field.inputValue()
  await form.getByRole('img', { name: 'QR code of the enrolment token' }).waitFor()
  await assertAccessible(page, 'enrolment token')
  const downloading = page.waitForEvent('download')
  await form.getByRole('button', { name: 'Download' }).click()
  const download = await downloading
  assert.equal(download.suggestedFilename(), 'robot.jwt')
  assert.equal(await readText(await download.path()), token)
  await form.getByRole('button', { name: 'Close' }).last().click()
  await page.getByRole('row', { name: 'robot' }).getByText('not enrolled yet').waitFor()

  await openSection(page, 'Service policies')
  await page.getByRole('button', { name: 'Service policies: a new one' }).click()
  await form.getByLabel('Name').fill('robots-dial')
  const who = form.getByRole('group', { name: 'Identities' })
  await who.getByText('Chooses nobody yet.').waitFor()
  await typeTags(who.getByRole('combobox', { name: 'With attributes' }), 'robots')
  await who.getByText('Chosen now: 1: robot').waitFor()
  const what = form.getByRole('group', { name: 'Services' })
  await choose(page, what.getByLabel('Single ones'), 'db')
  await what.getByText('Chosen now: 1: db').waitFor()
  await assertAccessible(page, 'new policy')
  await keepPicture(page, 'controller-policy')
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('table', { name: 'Service policies' }).getByText('@db').waitFor()

  const { ca } = JSON.parse(await readText(home.mesh.permit)) as { ca: string }
  await using program = await enrolProgram(token, ca, scratch.file('robot.json'))
  const connection = await program.dial('db')
  connection.write('hello')
  assert.equal(String((await once(connection, 'data'))[0]), 'hello')

  await openSection(page, 'Sessions')
  const session = page.getByRole('table', { name: 'Sessions' }).getByRole('row', { name: /robot/ })
  await session.getByText('Dial').waitFor()
  await assertAccessible(page, 'sessions')
  await keepPicture(page, 'controller-sessions')
  const ended = new Promise(resolve => connection.once('close', resolve).on('error', () => {}))
  await session.getByRole('button', { name: 'End robot → db' }).click()
  await page.getByRole('dialog').getByText('Its streams end at once.').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).click()
  await ended
})
