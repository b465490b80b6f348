import { randomBytes } from 'node:crypto'
import type { Context } from 'hono'
import type { PageFiles } from '../store/page-files.ts'

/**
 * Answer with the document of the web page.
 *
 * @param key  of the browser's login; without one the page asks for the token
 * @param framed  the only origin it may show in a frame; its own if absent
 */
export function answerPage(
  context: Context,
  files: PageFiles | undefined,
  key: string | undefined,
  framed?: string | undefined,
): Response {
  const nonce = randomBytes(16).toString('base64url')
  context.header('content-security-policy', policy(nonce, framed))
  context.header('cache-control', 'no-store')
  // The camera reads QR codes of permits; nothing else of the computer is wanted.
  context.header('permissions-policy', PERMISSIONS)
  if (files === undefined) return context.html(PLAIN_PAGE)
  const values: Record<string, string> = { nonce, key: key ?? '' }
  return context.html(files.template.replace(/\{\{(nonce|key)\}\}/g, (_, name: string) => values[name] ?? ''))
}

/** Answer with a file of the page. @returns undefined if it has none of that name */
export async function answerPageFile(
  context: Context,
  files: PageFiles | undefined,
): Promise<Response | undefined> {
  const takesBrotli = /\bbr\b/.test(context.req.header('accept-encoding') ?? '')
  const file = await files?.read(context.req.path, takesBrotli)
  if (file === undefined) return undefined
  context.header('content-type', file.type)
  context.header('vary', 'accept-encoding')
  context.header('cache-control', file.isLasting ? 'max-age=31536000, immutable' : 'no-cache')
  if (file.isBrotli) context.header('content-encoding', 'br')
  return context.body(file.bytes)
}

/** Whether a browser wants to show what it asks for, as a page of its own. */
export function isNavigation(context: Context): boolean {
  const { path, method } = context.req
  const wantsPage = /\btext\/html\b/.test(context.req.header('accept') ?? '')
  return method === 'GET' && (path === '/' || (wantsPage && !path.startsWith('/api/')))
}

/** Nothing from elsewhere, no script in the document, no other page around it. */
function policy(nonce: string, framed: string | undefined): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    `frame-src ${framed ?? "'self'"}`,
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

const PERMISSIONS = 'camera=(self), microphone=(), geolocation=(), usb=(), serial=(), payment=()'
const PLAIN_PAGE =
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>ZTM</title>' +
  '<p>The agent is running. This copy of it has no web page: use the <code>ztm</code> command.</p></html>'
