// `node bench/page.ts [--endpoints N] [--rounds N]`: how soon the web page shows a mesh of so many endpoints, in Debian's Chromium: a real agent and hub in
// this process, the endpoints in the hub's controller. The page has to be built: `node scripts/prepare.mjs --page`.
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import type { Page } from 'playwright-core'
import { CONTROLLER_API } from '../src/core/api/hub-api.ts'
import { parseUserName } from '../src/core/model/names.ts'
import { createCrowdedPage, makeCrowd, makePeople } from '../src/testing/crowded-page.ts'

const { values: typed } = parseArgs({
  options: { endpoints: { type: 'string', default: '10000' }, rounds: { type: 'string', default: '5' } },
})
const count = Number(typed.endpoints)
const crowd = makeCrowd(count)
await using page = await createCrowdedPage(crowd, { invited: makePeople(count) })
const context = await page.browser.newContext({ locale: 'en-GB', viewport: { width: 1_280, height: 800 } })
const tab = await context.newPage()
// Texts, as this program knows nothing of documents.
const FIRST_PAINT = `new Promise(resolve => {
  const look = () => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0]
    if (paint) resolve(paint.startTime)
    else requestAnimationFrame(look)
  }
  look()
})`
const times = new Map<string, number[]>()
await tab.goto(page.url)
await tab.getByRole('heading', { level: 1 }).waitFor()
for (let round = 0; round < Number(typed.rounds); round += 1) {
  await measure('reload of the list, to the first paint', async () => {
    await tab.goto(`${page.meshUrl}/endpoints`)
    return Number(await tab.evaluate(FIRST_PAINT))
  })
  await measure('reload of the list, to its first row', async () => {
    await tab.goto(`${page.meshUrl}/endpoints`)
    return await untilShown(tab, 'node-00000', 'performance.now()')
  })
  const found = `node-${String(count - 1 - round).padStart(5, '0')}`
  await measure('a word typed into the search, to its row', () =>
    fromNow(tab, found, () => tab.getByLabel('Search').fill(found)),
  )
  const index = count - 1 - round
  const before = crowd[index]?.isOnline === true
  await measure('an endpoint came or went at the hub, to its row', () =>
    fromNow(tab, before ? 'offline' : 'online', async () => page.connect(index, !before), '[role=cell]'),
  )
  page.connect(index, before)
  await measure('list by users', async () => {
    await tab.goto(`${page.meshUrl}/endpoints?by=user`)
    return await untilShown(tab, 'user-00', 'performance.now()')
  })
  await measure('reload of as many users, to the first row', async () => {
    await tab.goto(`${page.meshUrl}/users`)
    return await untilShown(tab, 'person-0000', 'performance.now()', '[role=cell]')
  })
  const role = (wanted: 'admin' | 'member') =>
    page.home.membership.link.call(CONTROLLER_API.updateUser, {
      params: { user: parseUserName('person-0000') },
      body: { role: wanted },
    })
  await measure('an administrator made elsewhere, to the row', () =>
    fromNow(tab, 'administrator', async () => void (await role('admin')), '[role=cell]'),
  )
  await role('member')
  await measure('map', async () => {
    await tab.goto(`${page.meshUrl}/map`)
    return await untilShown(tab, 'user-00 (', 'performance.now()')
  })
}
const mean = loadavg()[0]?.toFixed(1)
console.log(`${count} endpoints, ${typed.rounds} rounds, load ${mean}`)
for (const [what, all] of times) {
  all.sort((a, b) => a - b)
  const [least, middle, most] = [all[0], all[Math.floor(all.length / 2)], all.at(-1)].map(ms =>
    Math.round(ms ?? 0),
  )
  console.log(`${what}: ${middle} ms (${least} to ${most})`)
}
await context.close()

async function measure(what: string, once: () => Promise<number>): Promise<void> {
  const before = times.get(what) ?? []
  times.set(what, [...before, await once()])
}

/** By the page's own clock, so that the way to the browser and back does not count. @returns ms */
async function fromNow(on: Page, text: string, act: () => Promise<void>, within = 'a'): Promise<number> {
  const waiting = untilShown(on, text, '(performance.now() - globalThis.startedAt)', within)
  await on.evaluate('globalThis.startedAt = performance.now()')
  await act()
  return await waiting
}

/** Look at each frame whether a text is there. @param clock  what to give back then */
async function untilShown(on: Page, text: string, clock: string, within = 'a, text'): Promise<number> {
  return Number(
    await on.evaluate(`new Promise(resolve => {
      const look = () => {
        const all = [...document.querySelectorAll(${JSON.stringify(within)})]
        if (all.some(one => one.textContent.startsWith(${JSON.stringify(text)}))) resolve(${clock})
        else requestAnimationFrame(look)
      }
      look()
    })`),
  )
}
