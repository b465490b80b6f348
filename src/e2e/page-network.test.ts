import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { assertAccessible, assertFits, keepPicture, settled } from '../testing/browser.ts'
import { type CrowdedPage, createCrowdedPage, makeCrowd, makePeople } from '../testing/crowded-page.ts'
import { waitForHeading } from '../testing/page-visit.ts'

const CROWD = 10_000
let crowd: CrowdedPage

before(async () => {
  crowd = await createCrowdedPage(makeCrowd(CROWD), { invited: makePeople(CROWD) })
  await crowd.mesh.join('office')
})
after(() => crowd[Symbol.asyncDispose]())

async function open(t: TestContext, path: string, options: Parameters<CrowdedPage['visit']>[1] = {}) {
  const page = await crowd.visit(t, options)
  await page.goto(crowd.meshUrl + path)
  return page
}

const rowsOf = (page: Page) => page.getByRole('table').getByRole('row')

test('ten thousand endpoints are listed in a document of a few, and reached by the keyboard', async t => {
  const page = await open(t, '/endpoints')
  await waitForHeading(page, 'Endpoints')
  await page.getByText('7,002 of 10,002 online').waitFor()
  await page.getByRole('link', { name: 'home' }).waitFor()
  await page.locator('[aria-label=Endpoints][aria-rowcount="10003"]').waitFor()
  await page.locator('[role=rowgroup][tabindex="0"]').focus()
  await page.keyboard.press('End')
  await page.getByRole('link', { name: 'office' }).waitFor()
  await page.keyboard.press('Home')
  await page.getByRole('link', { name: 'node-00000' }).waitFor()
  await page.keyboard.press('PageDown')
  await page.getByRole('link', { name: 'node-00015' }).waitFor()
  await settled(page)
  const rows = await rowsOf(page).count()
  assert.ok(rows < 60, `${rows} rows are in the document`)
  await assertAccessible(page, 'endpoints')
  await keepPicture(page, 'endpoints-10000')
})

test('an endpoint of ten thousand is found by its name, and groups of them are opened', async t => {
  const page = await open(t, '/endpoints')
  await page.getByLabel('Search').fill('09876')
  await page.getByText('1 of 1 online').waitFor()
  await page.getByRole('link', { name: 'node-09876' }).waitFor()
  await page.getByLabel('Search').fill('')
  await page.getByText('of 10,002 online').waitFor()
  await page.getByText('User', { exact: true }).first().click()
  await page.getByRole('row', { name: 'user-06' }).getByRole('link').click()
  await page.getByText('250 of 250 online').waitFor()
  await page.getByRole('link', { name: 'node-00006' }).waitFor()
  await page.getByText('Label', { exact: true }).first().click()
  await page.getByRole('row', { name: 'edge' }).getByRole('link').waitFor()
  await assertAccessible(page, 'groups of endpoints')
  await page.getByRole('button', { name: 'Show all again, not only “User: user-06”' }).click()
  await page.getByText('of 10,002 online').waitFor()
  await page.getByText('State', { exact: true }).first().click()
  await page.getByRole('row', { name: 'offline' }).getByRole('link').click()
  await page.getByText('0 of 3,000 online').waitFor()
})

test('ten thousand users are listed in a document of a few, searched, and reached by the keyboard', async t => {
  const page = await open(t, '/users')
  await page.getByText('Users: 10,041').waitFor()
  await page.getByRole('cell', { name: 'person-0000', exact: true }).waitFor()
  await page.locator('[aria-label=Users][aria-rowcount="10042"]').waitFor()
  await page.locator('[role=rowgroup][tabindex="0"]').focus()
  await page.keyboard.press('End')
  await page.getByRole('cell', { name: 'user-39', exact: true }).waitFor()
  await settled(page)
  assert.ok((await rowsOf(page).count()) < 60)
  await page.getByLabel('Search').fill('ON-4321')
  await page.getByText('Users: 1', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Evict person-4321' }).waitFor()
  await assertAccessible(page, 'users')
  await keepPicture(page, 'users-10000')
})

test('endpoints that come and go are seen at once, and a storm of them asks a few times a second', async t => {
  const page = await open(t, '/endpoints?keyword=node-00009')
  const row = page.getByRole('row', { name: 'node-00009' })
  await row.getByText('offline').waitFor()
  crowd.connect(9)
  await row.getByText('online').waitFor()
  let asked = 0
  page.on('request', request => {
    if (request.url().includes('/endpoint')) asked += 1
  })
  const startedAt = performance.now()
  for (let round = 0; round < 20; round += 1) {
    for (let index = 0; index < CROWD; index += 50) crowd.connect(index, round % 2 === 1)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  crowd.connect(9, false)
  await row.getByText('offline').waitFor()
  const seconds = (performance.now() - startedAt) / 1_000
  // Two questions each time: the page and the count.
  assert.ok(asked <= 2 * (5 * seconds + 2), `${asked} questions in ${seconds.toFixed(1)} s`)
})

test('whether one reaches another, and why not, is said in words, with what to do', async t => {
  const page = await open(t, '/reach')
  await waitForHeading(page, 'Reach')
  const ask = async (to: string, from = '') => {
    await page.getByRole('combobox', { name: 'From' }).fill(from)
    await page.getByRole('combobox', { name: 'To' }).fill(to)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Test' }).click()
  }
  await ask('office')
  await page.getByText('Yes: it answered').waitFor()
  await page.getByRole('table', { name: 'What was tried' }).getByText('open').first().waitFor()
  await page.getByText('ztm reach office').waitFor()
  await assertAccessible(page, 'reach')
  await keepPicture(page, 'reach')
  await ask('node-00001')
  await page.getByText('No: it may, but nobody answered').waitFor()
  await page.getByRole('table', { name: 'What was tried' }).getByText('not connected').first().waitFor()
  await ask('home', 'node-00001')
  await page.getByText('No: policy does not let it').waitFor()
  await page.getByText('Ask its owner or an administrator to allow it.').waitFor()
  await ask('home', 'office')
  await page.getByText('It may, and somebody is there').waitFor()
  await ask('nobody')
  await page.getByRole('alert').getByText('not-found').first().waitFor()
})

test('traffic is drawn and told as a table, and sessions are listed and ended', async t => {
  const page = await open(t, '/traffic')
  await waitForHeading(page, 'Traffic')
  const sessions = page.getByRole('table', { name: 'Sessions' })
  await sessions.getByRole('row', { name: 'office' }).first().waitFor()
  await page
    .getByRole('img', { name: /^Traffic: all: sent at most .+\/s, received at most .+\/s$/ })
    .waitFor()
  await page.getByText('As a table').first().click()
  await page.getByRole('table', { name: 'Traffic: all' }).getByRole('row').nth(12).waitFor()
  await assertAccessible(page, 'traffic')
  await keepPicture(page, 'traffic')
  await page.getByRole('button', { name: 'End office' }).first().click()
  await page.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).click()
  await page.getByText('No session is open.').waitFor()
  await page.goto(`${crowd.meshUrl}/endpoints?keyword=office`)
  await page.getByRole('link', { name: 'office' }).click()
  await waitForHeading(page, 'office')
  await page.getByRole('img', { name: /^Latency: relay/ }).waitFor()
  await assertAccessible(page, 'endpoint with graphs')
})

test('the map draws groups of thousands, opens one, and words the ways that are live', async t => {
  const page = await open(t, '/map')
  await waitForHeading(page, 'Map')
  const map = page.getByRole('region', { name: 'Map' })
  await map.getByRole('link', { name: 'user-06 (250)' }).waitFor()
  await map.getByRole('link', { name: 'home' }).waitFor()
  await settled(page)
  const spots = await map.getByRole('link').count()
  assert.ok(spots < 70, `${spots} things are drawn`)
  await page.goto(`${crowd.meshUrl}/reach`)
  await page.getByRole('combobox', { name: 'To' }).fill('office')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Test' }).click()
  await page.getByText('Yes: it answered').waitFor()
  await page.goto(`${crowd.meshUrl}/map`)
  await map.getByRole('link', { name: 'office' }).waitFor()
  await map.getByText(/\/s$/).first().waitFor()
  await assertAccessible(page, 'map')
  await keepPicture(page, 'map-10000')
  await page.getByText('Label', { exact: true }).click()
  await map.getByRole('link', { name: /^edge \(\d+\)$/ }).click()
  await page.getByRole('button', { name: 'Close edge' }).waitFor()
  await map
    .getByRole('link', { name: /^node-/ })
    .first()
    .waitFor()
})

test('the pages about the network are read in Chinese, in the dark, on a telephone', async t => {
  const options = { locale: 'zh-CN', colorScheme: 'dark', viewport: { width: 390, height: 844 } } as const
  const page = await open(t, '/endpoints', options)
  for (const [path, title] of [
    ['/endpoints', '端点'],
    ['/endpoints?by=user', '端点'],
    ['/traffic', '流量'],
    ['/reach', '可达性'],
    ['/map', '地图'],
  ] as const) {
    await page.goto(crowd.meshUrl + path)
    await waitForHeading(page, title)
    await assertAccessible(page, `${path} in Chinese`)
    await assertFits(page, path)
  }
})
