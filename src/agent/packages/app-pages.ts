import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { type Context, Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { secureHeaders } from 'hono/secure-headers'
import { SETTINGS_PATH } from '../../core/api/app-settings-api.ts'
import { appId } from '../../core/app/installed-app.ts'
import { type AppRef, isInsidePath, parseAppRef } from '../../core/app/manifest.ts'
import { pageLabel, parsePageHost } from '../../core/app/page-host.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Name } from '../../core/model/names.ts'
import { answerError } from '../../net/serve-routes.ts'
import type { Agent } from '../agent.ts'
import { requirePackages } from './packages.ts'
import { requestInstalled } from './request-installed.ts'

/** The web pages of apps from elsewhere, each at an origin of its own: `http://notes--alice--home.localhost:7777`. */
export interface AppPages {
  /** Whether a request is for an app's page, by its `Host`. */
  isMeant(context: Context): boolean
  /** Answer it. */
  answer(context: Context): Response | Promise<Response>
  /**
   * A link that opens the page of a running app, once.
   *
   * @param isFramed  in a frame of the agent's own web page, and in no other; else in none
   * @throws MeshError `not-found` if it has no page, `offline` if it does not run, `unsupported` without a port for browsers
   */
  makeLink(mesh: Name, app: AppRef, isFramed?: boolean): Promise<string>
  /**
   * What the page of the agent may show in a frame where it shows an app's: the origin of that app's page, and no other.
   *
   * @param path  of the agent's page, as it was asked for: `/home/apps/alice/notes/page`
   * @returns undefined where it shows none
   */
  framedAt(path: string): string | undefined
}

/** Whose page it is. */
interface Page {
  readonly label: string
  readonly mesh: Name
  readonly app: AppRef
  /** It is shown in a frame of the agent's page. */
  readonly isFramed: boolean
}

/** Make the pages of one agent. @param port  where browsers reach it; undefined if they do not */
export function createAppPages(agent: Agent, port: () => number | undefined): AppPages {
  const codes = new Map<string, Page & { readonly endMs: number }>()
  /** By the value of the cookie, which is good at the origin of its own page alone. */
  const sessions = new Map<string, Page>()
  const served = createServed(agent, {
    redeem(code, label) {
      const page = codes.get(code)
      codes.delete(code)
      if (page === undefined || page.label !== label || page.endMs <= agent.options.clock.now())
        return undefined
      const session = randomBytes(32).toString('base64url')
      bounded(sessions, MAX_SESSIONS)
      sessions.set(session, page)
      return { session, isFramed: page.isFramed }
    },
    find(session, label, isFramed) {
      const page = sessions.get(session)
      return page?.label === label && page.isFramed === isFramed ? page : undefined
    },
    port,
  })
  return {
    isMeant(context) {
      const host = parsePageHost(context.req.header('host') ?? '')
      return host !== undefined && host.port === port()
    },
    answer: context => served.fetch(context.req.raw, context.env),
    async makeLink(mesh, app, isFramed = false) {
      const at = port()
      if (at === undefined)
        throw new MeshError('unsupported', 'Cannot open the page: the agent was started without --listen')
      const { manifest } = await requirePackages(agent.mesh(mesh).packages).apps.files(app)
      if (manifest.gui === undefined)
        throw new MeshError('not-found', `Cannot open page: ${appId(app)} has none`)
      const label = pageLabel({ mesh, ...app }, sha256)
      const code = randomBytes(24).toString('base64url')
      bounded(codes, MAX_CODES)
      codes.set(code, { label, mesh, app, isFramed, endMs: agent.options.clock.now() + CODE_LIFE_MS })
      return `http://${label}.localhost:${at}${LOGIN}?code=${code}`
    },
    framedAt(path) {
      const [, mesh, provider, name] = PAGE_PATH.exec(path) ?? []
      if (mesh === undefined) return undefined
      try {
        // It goes into a policy: what is no name of an app must not be in there.
        const app = parseAppRef(`${decodeURIComponent(provider ?? '')}/${name}`)
        return `http://${pageLabel({ mesh: decodeURIComponent(mesh), ...app }, sha256)}.localhost:${port()}`
      } catch {
        return undefined
      }
    },
  }
}

interface Doors {
  /** @returns the value of the cookie, and whether it is for a frame */
  redeem(code: string, label: string): { session: string; isFramed: boolean } | undefined
  find(session: string, label: string, isFramed: boolean): Page | undefined
  port(): number | undefined
}

/** What is known of a request while it is answered. */
interface Served {
  Variables: { isFramed: boolean }
}

/** What all pages are served by: nothing here can reach the agent's API, and an app's session only its own app. */
function createServed(agent: Agent, doors: Doors): Hono<Served> {
  const served = new Hono<Served>()
  served.use(async (context, next) => {
    await next()
    if (context.get('isFramed')) letBeFramed(context, doors.port())
  })
  served.use(secureHeaders({ contentSecurityPolicy: POLICY, referrerPolicy: 'no-referrer' }))
  served.use(async (context, next) => {
    const refusal = refuseForeign(context)
    return refusal === undefined ? next() : answerError(context, refusal)
  })
  served.get(LOGIN, context => {
    const redeemed = doors.redeem(context.req.query('code') ?? '', labelOf(context))
    if (redeemed === undefined)
      return answerError(
        context,
        new MeshError('not-logged-in', `Cannot open page: the link was used or is too old: ${AGAIN}`),
      )
    const { session, isFramed } = redeemed
    const common = { httpOnly: true, path: '/' } as const
    context.set('isFramed', isFramed)
    // To a browser a frame at another origin is of another site. `Partitioned`: in the agent's page alone.
    if (isFramed)
      setCookie(context, FRAME_COOKIE, session, {
        ...common,
        ...{ secure: true, sameSite: 'None', partitioned: true },
      })
    else setCookie(context, COOKIE, session, { ...common, sameSite: 'Strict' })
    // Not a redirect: a SameSite=Strict cookie is not sent along one that began at another program.
    return context.html(GO_ON)
  })
  served.all('*', async context => {
    const label = labelOf(context)
    const page =
      doors.find(getCookie(context, COOKIE) ?? '', label, false) ??
      doors.find(getCookie(context, FRAME_COOKIE) ?? '', label, true)
    context.set('isFramed', page?.isFramed ?? false)
    if (page === undefined)
      return answerError(context, new MeshError('not-logged-in', `Cannot open page: not logged in: ${AGAIN}`))
    try {
      const { packages } = agent.mesh(page.mesh)
      if (context.req.path.startsWith(`${API}/`)) {
        // Who may reach the app is the person's to say, not the page's, which is the app's own.
        // Parsed as it will be when it is passed on: `/api/./.settings` is the same.
        if (new URL(context.req.url).pathname.startsWith(`${API}${SETTINGS_PATH}`)) return context.notFound()
        const caller = { source: 'user' } as const
        return await requestInstalled(context, { packages, name: appId(page.app), base: API, caller })
      }
      const { folder, manifest } = await requirePackages(packages).apps.files(page.app)
      return await answerFile(context, join(folder, ...(manifest.gui ?? '').split('/')))
    } catch (thrown) {
      return answerError(context, toMeshError(thrown))
    }
  })
  return served
}

/** Let the agent's own page show an answer in a frame, and no other page: of what is served else, nobody may show anything. */
function letBeFramed(context: Context, port: number | undefined): void {
  const { headers } = context.res
  const own = ['localhost', '127.0.0.1'].map(host => `http://${host}:${port}`).join(' ')
  const policy = headers.get('content-security-policy') ?? ''
  headers.set('content-security-policy', policy.replace("frame-ancestors 'none'", `frame-ancestors ${own}`))
  headers.delete('x-frame-options')
}

/** A request that another page made, or made another page make: browsers tell where it comes from. */
function refuseForeign(context: Context): MeshError | undefined {
  const host = context.req.header('host') ?? ''
  const origin = context.req.header('origin')
  const site = context.req.header('sec-fetch-site')
  const isOwn = origin === undefined || origin === `http://${host}`
  const isMeant = site === undefined || site === 'same-origin' || (site === 'none' && origin === undefined)
  // The link is followed from wherever it was printed or mailed to.
  if (isOwn && (isMeant || context.req.path === LOGIN)) return undefined
  return new MeshError('wrong-origin', 'Cannot use this app: asked by a page that is not its own')
}

async function answerFile(context: Context, root: string): Promise<Response> {
  if (context.req.method !== 'GET' && context.req.method !== 'HEAD')
    return answerError(
      context,
      new MeshError(
        'not-found',
        `Cannot ${context.req.method} ${context.req.path}: only ${API}/… takes that`,
      ),
    )
  const path = pathOf(context)
  const bytes =
    path === undefined ? undefined : await readFile(join(root, ...path.split('/'))).catch(() => undefined)
  if (path === undefined || bytes === undefined)
    return answerError(
      context,
      new MeshError('not-found', `Cannot get ${context.req.path}: no such file in the app's page`),
    )
  const type = TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream'
  // An update changes files under the same names.
  return context.body(bytes, 200, { 'content-type': type, 'cache-control': 'no-cache' })
}

/** The file that a path means, if it can be one: `/` and `/x/` are their index.html. */
function pathOf(context: Context): string | undefined {
  let path: string
  try {
    path = decodeURIComponent(new URL(context.req.url).pathname).slice(1)
  } catch {
    return undefined
  }
  const file = path === '' || path.endsWith('/') ? `${path}index.html` : path
  return isInsidePath(file) ? file : undefined
}

function labelOf(context: Context): string {
  return parsePageHost(context.req.header('host') ?? '')?.label ?? ''
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Make room for one more: the oldest goes. */
function bounded<V>(map: Map<string, V>, limit: number): void {
  const [oldest] = map.keys()
  if (map.size >= limit && oldest !== undefined) map.delete(oldest)
}

/** A page loads and asks nothing but what is its own; no other page shows it in a frame. */
const POLICY = {
  defaultSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:', 'blob:'],
  connectSrc: ["'self'"],
  objectSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
}
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
}
const LOGIN = '/.ztm/login'
/** Where the agent's page shows an app's; see `src/gui/router.tsx`. */
const PAGE_PATH = /^\/([^/]+)\/apps\/([^/]+)\/([^/]+)\/page$/
const API = '/api'
const COOKIE = 'ztm-app'
const FRAME_COOKIE = 'ztm-app-frame'
const AGAIN = 'run `ztm gui APP`'
const CODE_LIFE_MS = 60_000
const MAX_CODES = 16
const MAX_SESSIONS = 64
const GO_ON =
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>ZTM</title><meta http-equiv="refresh" content="0;url=/"><a href="/">Go on</a></html>'
