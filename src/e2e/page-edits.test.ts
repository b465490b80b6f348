import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertAccessible, assertFits, keepPicture } from '../testing/browser.ts'
import { openSection, typeTags } from '../testing/controller-page.ts'
import { createPageMesh, type PageMesh } from '../testing/page-visit.ts'

// What of the controller was for the command line alone, and what becomes of a form while others change the same.

let home: PageMesh

before(async () => {
  home = await createPageMesh()
})
after(() => home[Symbol.asyncDispose]())

const run = (...words: string[]) => home.mesh.run('home', ...words)

test('an identity gets a password, and another one in its place', async t => {
  await run('create', 'identity', 'ann')
  const page = await home.visit(t)
  await openSection(page, 'Identities')
  const form = page.getByRole('dialog')
  const open = () => page.getByRole('button', { name: 'Password ann' }).click()
  await open()
  await form.getByRole('textbox', { name: 'Password' }).fill('short')
  await form.getByText('ztm create authenticator ann --method updb --username ann --password -').waitFor()
  await assertAccessible(page, 'password')
  await form.getByRole('button', { name: 'Set the password' }).click()
  // What the auth policy does not take is said here.
  await form.getByRole('alert').waitFor()
  await form.getByRole('textbox', { name: 'Password' }).fill('correct horse')
  await form.getByRole('button', { name: 'Set the password' }).click()
  await form.waitFor({ state: 'detached' })
  const [made] = (await home.mesh.json('home', 'get', 'authenticator')) as { id: string; username: string }[]
  assert.equal(made?.username, 'ann')
  await open()
  await form.getByText('It has a password').waitFor()
  await form.getByText(`ztm update authenticator ${made?.id} --username ann --password -`).waitFor()
  await form.getByRole('textbox', { name: 'Password' }).fill('battery staple')
  await form.getByRole('button', { name: 'Set the password' }).click()
  await form.waitFor({ state: 'detached' })
  assert.equal(((await home.mesh.json('home', 'get', 'authenticator')) as unknown[]).length, 1)
})

test('a host is planned before it hosts, in Chinese on a telephone', async t => {
  await run('create', 'service', 'wiki', '--attributes', 'docs')
  await run(
    'create',
    'service-policy',
    'host',
    '--type',
    'Bind',
    '--identities',
    '#all',
    '--services',
    '#docs',
  )
  const page = await home.visit(t, { locale: 'zh-CN', viewport: { width: 390, height: 844 } })
  await page.goto(`${home.url}/home/controller/services`)
  const form = page.getByRole('dialog')
  await page.getByRole('button', { name: '计划主机 wiki' }).click()
  await form.getByRole('textbox').or(form.getByRole('combobox')).first().fill('office')
  await form.getByText('ztm create terminator wiki --endpoint office --cost 0 --precedence default').waitFor()
  await assertAccessible(page, 'plan a host')
  await assertFits(page)
  await form.getByRole('button', { name: '计划主机' }).click()
  await form.waitFor({ state: 'detached' })
  const planned = (await home.mesh.json('home', 'get', 'terminator')) as { precedence: string }[]
  assert.equal(planned.length, 1)
})

test('what somebody else changed meanwhile is not lost unseen, and what was typed stays', async t => {
  await run('create', 'service', 'shop', '--attributes', 'a')
  const page = await home.visit(t)
  await openSection(page, 'Services')
  const form = page.getByRole('dialog')
  await page.getByRole('button', { name: 'Change shop' }).click()
  await typeTags(form.getByRole('combobox', { name: 'Attributes' }), 'mine')
  await run('update', 'service', 'shop', '--attributes', 'a', 'theirs')
  // A click beside it does not throw away what was typed.
  await page.mouse.click(5, 5)
  await form.getByText('ztm update service shop --attributes a mine').waitFor()
  await form.getByRole('button', { name: 'Save' }).click()
  await form.getByRole('alert').getByText('somebody else has changed "roleAttributes" meanwhile').waitFor()
  await keepPicture(page, 'controller-conflict')
  await assertAccessible(page, 'conflict')
  const attributes = async () => {
    const listed = await home.mesh.json('home', 'get', 'service', 'shop')
    const [shop] = listed as { declared?: { roleAttributes?: string[] } }[]
    return shop?.declared?.roleAttributes
  }
  assert.deepEqual(await attributes(), ['a', 'theirs'])
  await form.getByLabel('Save it all the same').check()
  await form.getByRole('button', { name: 'Save' }).click()
  await form.waitFor({ state: 'detached' })
  assert.deepEqual(await attributes(), ['a', 'mine'])

  // Twice is once.
  await page.getByRole('button', { name: 'Services: a new one' }).click()
  await form.getByLabel('Name').fill('once')
  await page.evaluate(`(() => {
    const form = document.querySelector('[role=dialog] form')
    for (let at = 0; at < 3; at += 1) form.requestSubmit()
  })()`)
  await form.waitFor({ state: 'detached' })
  await page.getByRole('table', { name: 'Services' }).getByRole('link', { name: 'once' }).waitFor()
  const services = (await home.mesh.json('home', 'get', 'service', 'once')) as unknown[]
  assert.equal(services.length, 1)
})
