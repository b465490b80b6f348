import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

/** Start Debian's Chromium without a screen. What it may not do by itself is ask its maker's servers. */
export async function startBrowser(args: readonly string[] = []): Promise<Browser & AsyncDisposable> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    // As root Chromium's own sandbox cannot be had.
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-background-networking', ...args],
  })
}

/** What a page did that it must not: said on its console, threw, asked another host, or was refused by its own policy. */
export function watchPage(page: Page): { readonly complaints: readonly string[] } {
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
  const folder = join(import.meta.dirname, '../../build/screenshots')
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}

const OWN_URL = /^(?:http:\/\/(?:[a-z0-9-]+\.)?localhost:\d+\/|data:|blob:|chrome(?:-extension)?:)/
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
