import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { assertAccessible, settled } from '../testing/browser.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import { RELAY_ROLE } from '../testing/two-hub-mesh.ts'

// Who and what is in a mesh, changed on the web page: labels, an endpoint put out, a hub put out, leaving.

let home: PageMesh
before(async () => {
  home = await createPageMesh()
})
after(() => home[Symbol.asyncDispose]())

test('an endpoint gets labels, as the command that is shown would give them, and is deleted after a question', async t => {
  const page = await home.visit(t)
  await openPage(page, 'Endpoints')
  await page.getByRole('link', { name: 'office' }).click()
  await waitForHeading(page, 'office')
  const field = page.getByRole('combobox', { name: 'Labels' })
  await field.fill('web')
  await field.press('Enter')
  await page.getByText('ztm ep office label --add web').waitFor()
  await assertAccessible(page, 'labels of an endpoint')
  await page.getByRole('button', { name: 'Save labels' }).click()
  await page.getByText('ztm ep office label --add web').waitFor({ state: 'detached' })
  assert.equal(await home.mesh.run('home', 'ep', 'office', 'label'), 'web\n')
  const endpoint = JSON.parse(await home.mesh.run('home', 'describe', 'ep', 'office', '-o', 'json'))
  assert.deepEqual(endpoint.givenLabels, ['web'], 'an administrator gave it, so rules may go by it')

  await field.fill('a/b')
  await field.press('Enter')
  await page.getByRole('button', { name: 'Save labels' }).click()
  await page.getByRole('alert').waitFor()
  assert.equal(await home.mesh.run('home', 'ep', 'office', 'label'), 'web\n')

  await page.getByRole('button', { name: 'Delete office' }).click()
  const question = page.getByRole('dialog', { name: 'Delete office' })
  await question.getByText('It is out of the mesh at once').waitFor()
  await question.getByRole('button', { name: 'Delete' }).click()
  await waitForHeading(page, 'Endpoints')
  await page.getByRole('link', { name: 'home' }).waitFor()
  assert.doesNotMatch(await home.mesh.run('home', 'get', 'ep', '-o', 'name'), /office/)
})

test('a hub that only relays is drained, used again and deleted, and the one with the controller is not offered for it', async t => {
  const permit = join(home.mesh.folder, 'relay.permit')
  await home.mesh.run('home', 'create', 'hub', '--permit', permit)
  const { address } = await home.mesh.startHub({ name: 'relay', args: [...RELAY_ROLE, '--permit', permit] })
  const page = await home.visit(t)
  await openPage(page, 'Hubs')
  const relay = page.getByRole('row', { name: address })
  await relay.getByRole('button', { name: `Drain ${address}` }).click()
  const drain = page.getByRole('dialog', { name: `Drain ${address}` })
  await drain.getByText('It relays nothing new').waitFor()
  await assertAccessible(page, 'draining a hub')
  await drain.getByRole('button', { name: 'Drain' }).click()
  await relay.getByText('draining', { exact: true }).waitFor()
  await relay.getByRole('button', { name: `Use again ${address}` }).click()
  await relay.getByText('draining', { exact: true }).waitFor({ state: 'detached' })
  await relay.getByRole('button', { name: `Delete ${address}` }).click()
  const question = page.getByRole('dialog', { name: `Delete ${address}` })
  await question.getByRole('button', { name: 'Delete' }).click()
  await relay.waitFor({ state: 'detached' })
  await settled(page)
  assert.equal(await page.getByRole('table').getByRole('button').count(), 0)
})

test('a mesh is left after a question, and the page asks for a permit again; in Chinese, on a telephone', async t => {
  const page = await home.visit(t, { locale: 'zh-CN', viewport: { width: 380, height: 800 } })
  await page.getByRole('button', { name: '离开此网格 home' }).click()
  const question = page.getByRole('dialog', { name: '离开此网格 home' })
  await question.getByText('证书将作废').waitFor()
  await assertAccessible(page, 'leaving a mesh')
  await question.getByRole('button', { name: '离开此网格' }).click()
  await waitForHeading(page, '加入网格')
  assert.equal(await home.mesh.run('home', 'get', 'mesh', '-o', 'name'), '')
})
