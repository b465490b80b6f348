import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { assertAccessible, assertFits, keepPicture, settled, waitForValue } from '../testing/browser.ts'
import { type CommerceServer, startCommerceServer } from '../testing/commerce-server.ts'
import { choose, openSection, typeTags } from '../testing/controller-page.ts'
import { enrolProgram } from '../testing/enrolled-program.ts'
import { createPageMesh, openPage, type PageMesh, visitPage, waitForHeading } from '../testing/page-visit.ts'
import { freePort, readText } from '../testing/process-mesh.ts'
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
  await waitForValue(field, /^ey/)
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

test('the policy is tested, a service says who may dial it, and what went is seen with its balance', async t => {
  const page = await home.visit(t)
  await openSection(page, 'Policy advisor')
  await choose(page, page.getByRole('combobox', { name: 'Identity' }), 'robot')
  await choose(page, page.getByRole('combobox', { name: 'Service' }), 'db')
  const advice = page.getByRole('table', { name: 'Policy advisor' })
  await advice.getByText('by robots-dial', { exact: true }).waitFor()
  await advice.getByText('not allowed').waitFor()
  await advice.getByText(/Bind is denied: no policy of type Bind selects both/).waitFor()
  await assertAccessible(page, 'advisor')
  await keepPicture(page, 'controller-advisor')

  await openSection(page, 'Services')
  await page.getByRole('link', { name: 'db' }).click()
  await waitForHeading(page, 'db')
  await page.getByRole('table', { name: 'Who may dial it' }).getByRole('link', { name: 'robot' }).waitFor()
  await page.getByRole('table', { name: 'Hosts' }).getByText('office').waitFor()
  await page.getByRole('table', { name: 'Service policies' }).getByText('robots-dial').waitFor()
  await assertAccessible(page, 'service')

  await openSection(page, 'Usage and billing')
  await page.getByRole('table', { name: 'Billing' }).getByText('on', { exact: true }).waitFor()
  await page.getByRole('table', { name: 'Streams' }).getByText('tcp/db').first().waitFor()
  await page.getByRole('table', { name: 'Streams' }).getByText('robot', { exact: true }).first().waitFor()
  const balances = page.getByRole('table', { name: 'Balances of those who have a service open' })
  await balances.getByText(/^9\.\d+ USD$/).waitFor()
  await page.getByRole('img', { name: /^Bytes by hour/ }).waitFor()
  await page.getByText(/^Streams: \d+, /).waitFor()
  await assertAccessible(page, 'usage')
  await keepPicture(page, 'controller-usage')
})

test('an identity is disabled, changed by what changed alone, and deleted; what is refused says why', async t => {
  await home.mesh.run('home', 'create', 'identity', 'temp', '--attributes', 'old')
  const page = await home.visit(t)
  await openSection(page, 'Identities')
  await page.getByLabel('Search').fill('TEM')
  const table = page.getByRole('table', { name: 'Identities' })
  await page.getByText('1–1 of 1').waitFor()
  await page.getByRole('button', { name: 'Change temp' }).click()
  const form = page.getByRole('dialog')
  // Meanwhile somebody else changes another member.
  await home.mesh.run('home', 'update', 'identity', 'temp', '--external-id', 'temp@example.com')
  await typeTags(form.getByRole('combobox', { name: 'Attributes' }), 'new')
  const command = 'ztm update identity temp --attributes old new'
  await form.getByText(command).waitFor()
  await form.getByLabel('Name').fill('robot')
  await form.getByRole('button', { name: 'Save' }).click()
  await form
    .getByRole('alert')
    .getByText(/there is one of identities with this name already/)
    .waitFor()
  await form.getByLabel('Name').fill('temp')
  await form.getByRole('button', { name: 'Save' }).click()
  await table.getByText('new', { exact: true }).waitFor()
  const { externalId, roleAttributes } = (await home.mesh.json('home', 'describe', 'identity', 'temp')) as {
    externalId: string
    roleAttributes: string[]
  }
  assert.deepEqual(
    { externalId, roleAttributes },
    { externalId: 'temp@example.com', roleAttributes: ['old', 'new'] },
  )
  await page.getByRole('button', { name: 'Disable temp' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Disable', exact: true }).click()
  await table.getByText('disabled', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Enable temp' }).click()
  await table.getByText('away', { exact: true }).waitFor()

  // A token that is asked for again is another one: the one before is worth nothing.
  const tokens: string[] = []
  for (let time = 0; time < 2; time += 1) {
    await page.getByRole('button', { name: 'Enrolment token temp' }).click()
    await form.getByRole('button', { name: 'Make a token' }).click()
    const made = form.getByLabel('Enrolment token of temp')
    await waitForValue(made, /^ey/)
    tokens.push(await made.inputValue())
    await form.getByRole('button', { name: 'Close' }).last().click()
    await form.waitFor({ state: 'detached' })
  }
  const { ca } = JSON.parse(await readText(home.mesh.permit)) as { ca: string }
  await assert.rejects(enrolProgram(tokens[0] ?? '', ca, scratch.file('temp.json')), /not enrolled: 400/)
  await table.getByText('not enrolled yet').waitFor()
  await page.getByRole('button', { name: 'API key temp' }).click()
  await form.getByRole('button', { name: 'Make an API key' }).click()
  await waitForValue(form.getByLabel('API key of temp'), /^.{21,}$/)
  await form.getByRole('button', { name: 'Close' }).last().click()
  await page.getByRole('button', { name: 'Delete temp' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByText('There is none.').waitFor()
})

test('configs have a form and JSON, both held against their type; a signer and an auth policy are made', async t => {
  const page = await home.visit(t)
  await openSection(page, 'Configs')
  await page.getByRole('button', { name: 'Configs: a new one' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Name').fill('db-name')
  await choose(page, form.getByRole('combobox', { name: 'Type' }), 'intercept.v1')
  await typeTags(form.getByRole('combobox', { name: 'Protocol' }), 'tcp')
  await typeTags(form.getByLabel('Addresses'), 'db.example')
  await form.getByLabel('Ports').fill('5432, 9000-9010')
  await assertAccessible(page, 'new config')
  await form.getByText('JSON', { exact: true }).click()
  const json = form.getByRole('textbox', { name: 'What it says' })
  await waitForValue(json, /9010/)
  assert.deepEqual(JSON.parse(await json.inputValue()), {
    protocols: ['tcp'],
    addresses: ['db.example'],
    portRanges: [
      { low: 5_432, high: 5_432 },
      { low: 9_000, high: 9_010 },
    ],
  })
  await json.fill('{"protocols": ["sctp"]}')
  await form
    .getByRole('status')
    .getByText(/protocols\.0: /)
    .waitFor()
  await json.fill('{"protocols": ["udp"], "addresses": ["x"], "portRanges": [{"low": 1, "high": 2}]}')
  await form.getByRole('status').waitFor({ state: 'detached' })
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('table', { name: 'Configs' }).getByText('intercept.v1').waitFor()

  await openSection(page, 'Signers')
  await page.getByRole('button', { name: 'Signers: a new one' }).click()
  await form.getByLabel('Name').fill('corp')
  await form.getByLabel('Issuer').fill('https://login.example.com')
  await form.getByLabel('Audience').fill('ztm')
  await form
    .getByText(/^ztm create signer corp --issuer https:\/\/login\.example\.com --audience ztm$/)
    .waitFor()
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('table', { name: 'Signers' }).getByText('enabled').waitFor()

  await openSection(page, 'Auth policies')
  await page.getByRole('button', { name: 'Auth policies: a new one' }).click()
  await form.getByLabel('Name').fill('keys only')
  await form.getByRole('switch', { name: 'Passwords', exact: true }).click()
  await form.getByRole('switch', { name: 'Passwords', exact: true, checked: false }).waitFor()
  await settled(page)
  const command = await form.getByText(/^ztm create auth-policy 'keys only' /).textContent()
  // The command that is shown does the same.
  const words = ['create', 'auth-policy', 'by command', ...(command ?? '').split(' ').slice(5)]
  await home.mesh.run('home', ...words)
  await form.getByRole('button', { name: 'Save' }).click()
  const policies = page.getByRole('table', { name: 'Auth policies' })
  const cells = async (name: string) =>
    (await policies.getByRole('row', { name }).getByRole('cell').allInnerTexts()).slice(1, 5)
  await policies.getByRole('link', { name: 'by command' }).waitFor()
  await policies.getByRole('link', { name: 'keys only' }).waitFor()
  await settled(page)
  assert.deepEqual(await cells('keys only'), ['✓', '✓', '–', '✓'])
  assert.deepEqual(await cells('by command'), ['✓', '✓', '–', '✓'])
})

test('a network is compared before it is applied, and comes out again', async t => {
  const page = await home.visit(t)
  await openSection(page, 'Declared network')
  const text = page.getByRole('textbox', { name: 'network.yaml' })
  await text.fill('services: [')
  await page.getByRole('button', { name: 'Show what would change' }).click()
  await page
    .getByRole('alert')
    .getByText(/Cannot read network\.yaml/)
    .waitFor()
  await text.fill('services:\n  - name: db\n    roleAttributes: [data, more]\n  - name: mail\n')
  await page.getByRole('button', { name: 'Show what would change' }).click()
  const plan = page.getByRole('group', { name: 'Show what would change' })
  await plan.getByText('1 new, 1 changed, 0 deleted, 0 as declared').waitFor()
  await plan.getByText('roleAttributes: data data, more').waitFor()
  await assertAccessible(page, 'network')
  await keepPicture(page, 'controller-network')
  assert.doesNotMatch(
    await home.mesh.run('home', 'get', 'service', '-o', 'name'),
    /mail/,
    'nothing is done yet',
  )
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  await page.getByText('Done: 2 changes.').waitFor()
  await page.getByRole('button', { name: 'Export', exact: true }).click()
  const field = page.getByRole('textbox', { name: 'Export' })
  await waitForValue(field, /name: mail/)
  const exported = await field.inputValue()
  assert.equal(exported, await home.mesh.run('home', 'export'))
  const many = Array.from({ length: 60 }, (_, index) => `  - name: many-${index}`).join('\n')
  await text.fill(`identities:\n${many}\n`)
  await page.getByRole('button', { name: 'Show what would change' }).click()
  await plan.getByText('60 new, 0 changed, 0 deleted, 0 as declared').waitFor()
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  await page.getByText('Done: 60 changes.').waitFor()
  await openSection(page, 'Identities')
  await page.getByLabel('Search').fill('many-')
  await page.getByText('1–25 of 60').waitFor()
  await page.getByRole('button', { name: 'Next page' }).click()
  await page.getByRole('button', { name: 'Next page' }).click()
  await page.getByText('51–60 of 60').waitFor()
  await settled(page)
  assert.equal(await page.getByRole('table', { name: 'Identities' }).getByRole('row').count(), 11)
})

test('a policy for an endpoint is not one for the identity of the same name', async t => {
  await home.mesh.run('home', 'create', 'identity', 'office')
  const page = await home.visit(t)
  await openSection(page, 'Service policies')
  await page.getByRole('button', { name: 'Service policies: a new one' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Name').fill('office-only')
  const who = form.getByRole('group', { name: 'Identities' })
  await who.getByRole('combobox', { name: 'Single ones' }).fill('office')
  await page.getByRole('option', { name: 'office', exact: true }).waitFor()
  await page.getByRole('option', { name: 'office (of the mesh)', exact: true }).click()
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('link', { name: 'office-only' }).click()
  const chosen = page.getByRole('table', { name: 'Identities it chooses' })
  await chosen.getByRole('link', { name: 'office' }).waitFor()
  const { id } = (await home.mesh.json('home', 'describe', 'ep', 'office')) as { id: string }
  const { identityRoles } = (await home.mesh.json('home', 'describe', 'policy', 'office-only')) as {
    identityRoles: string[]
  }
  assert.deepEqual(identityRoles, [`@${id}`])
})

test('every section can be read by everybody, in Chinese and on a telephone', async t => {
  const page = await home.visit(t, {
    viewport: { width: 380, height: 720 },
    locale: 'zh-CN',
    colorScheme: 'dark',
  })
  await page.goto(`${home.url}/home/controller`)
  await waitForHeading(page, '身份')
  const sections = page.getByRole('navigation', { name: '控制器' }).getByRole('link')
  await settled(page)
  const titles = await sections.allInnerTexts()
  assert.equal(titles.length, 19)
  for (const title of titles) {
    await sections.getByText(title, { exact: true }).click()
    await waitForHeading(page, title)
    await assertFits(page, title)
    await assertAccessible(page, title)
  }
  await sections.getByText('策略顾问', { exact: true }).click()
  for (const [field, name] of [
    ['身份', 'robot'],
    ['服务', 'db'],
  ] as const) {
    await page.getByRole('combobox', { name: field }).fill(name)
    await page.getByRole('option', { name, exact: true }).click()
  }
  await page.getByText(/^Bind 被拒绝：没有 Bind 类型的策略同时选中身份 "robot" 和服务 "db"$/).waitFor()
  await keepPicture(page, 'controller-zh')
})

test('a member sees what they may, and is told who sees the rest', async t => {
  const permit = scratch.file('bob.json')
  const port = await freePort()
  await home.mesh.run('home', 'invite', 'bob', '--permit', permit)
  await home.mesh.run(
    'home',
    'create',
    'policy',
    'bob-dial',
    ...['--type', 'Dial', '--identities', '@bob', '--services', '@db'],
  )
  await home.mesh.startAgent('bob', { args: ['--listen', `127.0.0.1:${port}`] })
  await home.mesh.run('bob', 'join', 'home', '--as', 'bob', '--permit', permit)
  const page = await visitPage(t, home.browser, `http://localhost:${port}`)
  await openPage(page, 'Controller')
  await waitForHeading(page, 'My access')
  const own = page.getByRole('table', { name: 'My access' })
  await own.getByRole('row', { name: 'db' }).getByText('Dial').waitFor()
  await assertAccessible(page, 'my access')
  await openSection(page, 'Usage and billing')
  await page.getByText('Nothing was carried yet.').waitFor()
  const name = new URL(page.url()).pathname.split('/')[1]
  await page.goto(`http://localhost:${port}/${name}/controller/identities`)
  await page.getByText('Only administrators see this. You are bob, a member of this mesh.').waitFor()
})
