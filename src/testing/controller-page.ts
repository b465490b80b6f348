import type { Locator, Page } from 'playwright-core'
import { openPage, waitForHeading } from './page-visit.ts'

/** Open a section of the controller. */
export async function openSection(page: Page, title: string): Promise<void> {
  await openPage(page, 'Controller')
  await page
    .getByRole('navigation', { name: 'Controller' })
    .getByRole('link', { name: title, exact: true })
    .click()
  await waitForHeading(page, title)
}

/** Type words into a field of tags. */
export async function typeTags(field: Locator, ...words: string[]): Promise<void> {
  for (const word of words) {
    await field.fill(word)
    await field.press('Enter')
  }
}

/** Choose in a list that opens. */
export async function choose(page: Page, field: Locator, name: string | RegExp): Promise<void> {
  await field.click()
  await page.getByRole('option', { name }).click()
}
