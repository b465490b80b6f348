import { after, before, test } from 'node:test'
import { assertAccessible, keepPicture } from '../testing/browser.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'

let home: PageMesh

before(async () => {
  home = await createPageMesh()
})
after(() => home[Symbol.asyncDispose]())

test('logs of this agent, another endpoint and a hub follow, and are filtered by level and words', async t => {
  const page = await home.visit(t)
  await openPage(page, 'Log')
  await waitForHeading(page, 'Log')
  const lines = page.getByRole('region', { name: 'Log' })
  await lines.getByText('mesh.joined').waitFor()
  await page.getByLabel('With these words').fill('session.opened')
  await page.getByText('No line has these words.').waitFor()
  await home.mesh.run('home', 'ping', 'ep', 'office', '-c', '1')
  await lines.getByText('session.opened').first().waitFor()
  await assertAccessible(page, 'log')
  await keepPicture(page, 'log')

  await page.getByLabel('With these words').fill('')
  await page.getByText('Endpoint', { exact: true }).click()
  await page.getByRole('combobox', { name: 'Name' }).fill('office')
  await page.keyboard.press('Escape')
  await lines.getByText('endpoint=office').first().waitFor()

  await page.getByText('Hub', { exact: true }).click()
  await lines.getByText('hub.started').waitFor()
  await page.getByRole('combobox', { name: 'Level' }).click()
  await page.getByRole('option', { name: 'error' }).click()
  await page.getByText('Nothing was logged yet.').waitFor()
})

test('certificates are shown with when they end: this endpoint’s, the hub’s, who signs it, the root', async t => {
  const page = await home.visit(t)
  await waitForHeading(page, 'Overview')
  const table = page.getByRole('table', { name: 'Certificates' })
  for (const [whose, ends] of [
    ['This endpoint', /in \d+ hours/],
    ['Signer of the hub', /in \d+ days/],
    ['Root of the mesh', /in 3,?\d+ days/],
    ['Hub', /in \d+/],
  ] as const)
    await table.getByRole('row', { name: whose }).getByText(ends).first().waitFor()
  await assertAccessible(page, 'certificates')
})
