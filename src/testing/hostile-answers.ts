import type { Page } from 'playwright-core'

/** What somebody would call a thing to harm who looks at it: markup, turned letters, what cannot be seen, far too much. */
export const HOSTILE_TEXT = [
  '<img src=x onerror="window.hacked=1">',
  '<script>window.hacked=1</script>',
  '\u202egnp.exe\u2066\u2069',
  'a\u200bb\u200dc\ufeffd',
  '\u0000\u0007\u001b[2J\u001b]0;hacked\u0007\r\n\u2028',
  'Z\u0351\u036b\u0343algo',
  'x'.repeat(10_240),
].join(' ')

/** What harms in a page as it is now, for the browser to find out: texts, nothing of which may be there. */
export const WHAT_HARMS = `(() => {
  const text = document.body.innerText + [...document.querySelectorAll('[title],[aria-label]')]
    .map(one => (one.title ?? '') + one.getAttribute('aria-label')).join()
  return [
    ...(globalThis.hacked === undefined ? [] : ['a script of theirs ran']),
    ...(document.querySelector('img[src="x"], [onerror], body script') ? ['markup of theirs'] : []),
    ...(/[^\\P{Cc}\\n\\t]|[\\u200b-\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]/u.test(text) ? ['invisible letters'] : []),
    ...(document.documentElement.scrollWidth > document.documentElement.clientWidth ? ['too wide'] : []),
  ]
})()`

/**
 * Let the page have hostile text in everything of the agent's answers that somebody else may have chosen. What selects or is
 * followed (ids, states, kinds) stays: of those the agent lets nothing through but what it knows.
 */
export async function poisonAnswers(page: Page): Promise<void> {
  await page.route('**/api/**', async route => {
    if (route.request().resourceType() !== 'fetch' || route.request().url().endsWith('/api/events'))
      return route.fallback()
    const answer = await route.fetch()
    const said: unknown = await answer.json().catch(() => undefined)
    if (said === undefined) await route.fulfill({ response: answer })
    else await route.fulfill({ response: answer, json: poison(said, '') })
  })
}

function poison(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.map(each => poison(each, key))
  if (typeof value === 'string') return CHOSEN.has(key) ? `${value} ${HOSTILE_TEXT}` : value
  if (typeof value !== 'object' || value === null) return value
  // Of a mesh that was joined here everything is asked by its names, and by those of oneself in it.
  if ('bootstraps' in value) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, poison(inner, name)]))
}

/** Members of answers whose text somebody else chose. */
const CHOSEN: ReadonlySet<string> = new Set([
  ...['name', 'names', 'user', 'users', 'owner', 'by', 'label', 'labels', 'groups', 'members', 'service'],
  ...['version', 'software', 'address', 'event', 'message', 'error', 'reason', 'text', 'title', 'summary'],
  ...['description', 'publisher', 'command', 'target', 'targets', 'file', 'why', 'peer', 'app', 'listen'],
])
