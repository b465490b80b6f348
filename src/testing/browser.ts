import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
  type Request,
} from 'playwright-core'
import { until } from './until.ts'

/** Start Debian's Chromium without a screen. What it may not do by itself is ask its maker's servers. */
export async function startBrowser(args: readonly string[] = []): Promise<Browser & AsyncDisposable> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    // As root Chromium's own sandbox cannot be had.
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-background-networking', ...args],
  })
}

/** Let a browser have a window that waits for a page as long as a slow computer may need. */
export async function openContext(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce', ...options })
  context.setDefaultTimeout(60_000)
  return context
}

/**
 * Wait until a page shows all that it asked for: nothing is on its way, nothing moves, and a few frames later it has asked for
 * nothing more. Whoever looks at a page once, and at nothing they could wait for, looks after this.
 */
export async function settled(page: Page): Promise<void> {
  const asked = askedBy(page)
  await until(async () => {
    const { count } = asked
    // One document may be followed by another meanwhile.
    const isStill = await page.evaluate<boolean>(IS_STILL).catch((error: unknown) => {
      if (!/context was destroyed|navigat/.test(String(error))) throw error
      return false
    })
    return isStill && asked.open.size === 0 && asked.count === count
  }, 'the page shows all it asked for')
}

/** Wait until a field holds a value. */
export const waitForValue = (field: Locator, value: string | RegExp): Promise<void> =>
  until(async () => {
    const held = await field.inputValue()
    return typeof value === 'string' ? held === value : value.test(held)
  }, `the field holds ${value}`)

/** Fail if a page is wider than its window, so that one has to push it to and fro. */
export async function assertFits(page: Page, name = page.url()): Promise<void> {
  await settled(page)
  assert.equal(await page.evaluate(HOW_MUCH_WIDER), 0, `${name} is wider than its window`)
}

/** What a page has asked its agent for: what is on its way, and how often it asked. */
interface Asked {
  readonly open: Set<Request>
  count: number
}

function askedBy(page: Page): Asked {
  const known = ASKED.get(page)
  if (known !== undefined) return known
  const asked: Asked = { open: new Set(), count: 0 }
  ASKED.set(page, asked)
  page.on('request', request => {
    // What changes is told as long as the page is open.
    if (!ASKING.includes(request.resourceType()) || request.url().endsWith('/api/events')) return
    asked.open.add(request)
    asked.count += 1
  })
  page.on('requestfinished', request => void asked.open.delete(request))
  page.on('requestfailed', request => void asked.open.delete(request))
  return asked
}

/** What a page did that it must not: said on its console, threw, asked another host, or was refused by its own policy. */
export function watchPage(page: Page): { readonly complaints: readonly string[] } {
  askedBy(page)
  const complaints: string[] = []
  page.on('console', message => {
    // That an answer was an error the page shows itself.
    if (message.text().startsWith('Failed to load resource')) return
    if (message.text().startsWith('Service Worker registration blocked by Playwright')) return
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('request', request => {
    // Pages of apps have origins of their own below it; the last are the browser's own, as its viewer of PDF.
    if (!OWN_URL.test(request.url())) complaints.push(`asked ${request.url()}`)
  })
  return { complaints }
}

/** Fail if what a page shows breaks a rule of WCAG 2.2, levels A and AA, as far as axe can tell. */
export async function assertAccessible(page: Page, name: string): Promise<void> {
  await settled(page)
  // By the protocol of the browser's developer tools: the page's own policy would not let the script in.
  if (!(await page.evaluate('typeof globalThis.axe === "object"'))) await page.evaluate(AXE)
  const broken = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: AxeRunner }
    const { violations } = await axe.run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
    })
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
  })
  assert.deepEqual(broken, [], name)
}

interface AxeRunner {
  run(options: { runOnly: readonly string[] }): Promise<{
    violations: readonly { id: string; nodes: readonly { html: string }[] }[]
  }>
}

/** Keep a picture of the page in `build/screenshots`. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  await settled(page)
  const folder = join(import.meta.dirname, '../../build/screenshots')
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}

const ASKED = new WeakMap<Page, Asked>()
const ASKING = ['fetch', 'xhr', 'script', 'stylesheet']
// Texts, as this program knows nothing of documents. What turns without end (a sign that something is under way) is still.
const IS_STILL = `(async () => {
  for (let count = 0; count < 6; count++) await new Promise(requestAnimationFrame)
  const moving = document.getAnimations().filter(one =>
    one.playState === 'running' && one.effect.getComputedTiming().iterations !== Infinity)
  return moving.length === 0 && document.querySelector('[aria-busy=true]') === null
})()`
const HOW_MUCH_WIDER = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
const OWN_URL = /^(?:http:\/\/(?:[a-z0-9-]+\.)?localhost:\d+\/|data:|blob:|chrome(?:-extension)?:)/
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
