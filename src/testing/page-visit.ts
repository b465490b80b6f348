import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { openContext, startBrowser, watchPage } from './browser.ts'
import { createProcessMesh, freePort, type ProcessMesh } from './process-mesh.ts'

/** A mesh of real processes, and a browser on the web page of its first agent, `home`. */
export interface PageMesh extends AsyncDisposable {
  readonly mesh: ProcessMesh
  readonly browser: Browser
  /** Where the page of `home` is: `http://localhost:PORT`. */
  readonly url: string
  /** A person opens the page of `home`; at the end of the test nothing may have gone wrong unseen. */
  visit(t: TestContext, options?: BrowserContextOptions): Promise<Page>
}

/**
 * Start a hub, the agent `home`, and the agents named, which join.
 *
 * @param joinsHome  whether `home` joins too; without it, its page asks for a permit
 */
export async function createPageMesh({
  others = ['office'],
  joinsHome = true,
  hub,
}: {
  readonly others?: readonly string[]
  readonly joinsHome?: boolean
  /** How the hub is started. */
  readonly hub?: Parameters<ProcessMesh['startHub']>[0]
} = {}): Promise<PageMesh> {
  const mesh = await createProcessMesh()
  const browser = await startBrowser()
  await mesh.startHub(hub)
  const port = await freePort()
  const url = `http://localhost:${port}`
  const args = ['--listen', `127.0.0.1:${port}`]
  await Promise.all([mesh.startAgent('home', { args }), ...others.map(name => mesh.join(name))])
  if (joinsHome) await mesh.run('home', 'join', 'home', '--as', 'home', '--permit', mesh.permit)
  return {
    mesh,
    browser,
    url,
    visit: (t, options) => visitPage(t, browser, url, options),
    async [Symbol.asyncDispose]() {
      await browser.close()
      await mesh[Symbol.asyncDispose]()
    },
  }
}

/** Open a page as a person would; the test fails if it complained, or asked another host, until the end. */
export async function visitPage(
  t: TestContext,
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Page> {
  // What is asked is asked by the page itself; its worker has a test of its own.
  const context = await openContext(browser, { serviceWorkers: 'block', ...options })
  const page = await context.newPage()
  const { complaints } = watchPage(page)
  t.after(async () => {
    await context.close()
    assert.deepEqual(complaints, [])
  })
  await page.goto(url)
  return page
}

/** Choose a page in the menu; what is on the page instead is said if it has none. */
export async function openPage(page: Page, title: string): Promise<void> {
  const link = page.getByRole('link', { name: title, exact: true })
  await link.click().catch(async (error: unknown) => {
    const text = await page
      .locator('body')
      .ariaSnapshot({ timeout: 1_000 })
      .catch(() => '(nothing)')
    throw new Error(`No ${title} in the menu of ${page.url()}, which shows: ${text.slice(0, 1_000)}`, {
      cause: error,
    })
  })
}

/** Wait until a page is there, by its heading. */
export const waitForHeading = (page: Page, name: string): Promise<void> =>
  page.getByRole('heading', { name, level: 1 }).waitFor()
