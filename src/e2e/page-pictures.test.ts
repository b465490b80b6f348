import assert from 'node:assert/strict'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { settled } from '../testing/browser.ts'
import { type CrowdedPage, type CrowdMember, createCrowdedPage } from '../testing/crowded-page.ts'
import { waitForHeading } from '../testing/page-visit.ts'

let demo: CrowdedPage

before(async () => {
  demo = await createCrowdedPage(demonstration())
  await demo.mesh.join('office')
  await demo.mesh.join('studio')
})
after(() => demo[Symbol.asyncDispose]())

// `UPDATE_DOCS=1 node --test` of this file writes those that the README shows.
test('the pictures of the README are made of the page as it is, light and dark', async t => {
  const folder = join(import.meta.dirname, '../..', process.env.UPDATE_DOCS ? 'docs' : 'build', 'pictures')
  mkdirSync(folder, { recursive: true })
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await demo.visit(t, { colorScheme, viewport: { width: 1_120, height: 700 } })
    const keep = async (name: string) => {
      const path = join(folder, `${name}-${colorScheme}.png`)
      await settled(page)
      await page.screenshot({ path })
      assert.ok(statSync(path).size < 150_000, `${path}: ${statSync(path).size} bytes`)
    }
    await page.goto(`${demo.meshUrl}/reach`)
    await waitForHeading(page, 'Reach')
    for (const name of ['studio', 'office']) {
      await page.getByRole('combobox', { name: 'To' }).fill(name)
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Test' }).click()
      await page.getByRole('table', { name: 'Where it leads' }).getByText(name).waitFor()
    }
    await keep('reach')
    await page.goto(`${demo.meshUrl}/endpoints`)
    await page.getByRole('link', { name: 'amsterdam-build-1' }).waitFor()
    await keep('endpoints')
    await page.goto(`${demo.meshUrl}/map`)
    const map = page.getByRole('region', { name: 'Map' })
    await map.getByRole('link', { name: 'office' }).waitFor()
    await map.getByText(/\/s$/).first().waitFor()
    await keep('map')
  }
})

/** A mesh of a firm with four places. */
function demonstration(): CrowdMember[] {
  const rooms = ['build-1', 'build-2', 'camera', 'db', 'printer', 'web']
  const places = { amsterdam: 'ann', chengdu: 'chen', nairobi: 'wanjiru', toronto: 'tom' }
  return Object.entries(places).flatMap(([place, user]) =>
    rooms.map((room, index) => ({
      name: `${place}-${room}`,
      user,
      labels: [place, room.startsWith('build') ? 'ci' : 'shop'],
      isOnline: (index * 7 + place.length) % 5 !== 0,
    })),
  )
}
