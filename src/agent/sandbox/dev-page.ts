import { randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile, realpath } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { extname, join, sep } from 'node:path'
import { type Context, Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { SETTINGS_PATH } from '../../core/api/app-settings-api.ts'
import { isInsidePath } from '../../core/app/manifest.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { listen } from '../../net/hub-port.ts'
import { answerError } from '../../net/serve-routes.ts'
import { closeServer, createHttp1Server } from '../../net/unix-server.ts'
import type { AppRequest, AppResponse } from '../app-runner.ts'

/** Where an app that is being made is looked at: its page and its API, on a port of this computer. */
export interface DevPage extends AsyncDisposable {
  /** With the key: who opens it may use it from then on. */
  readonly url: string
  /** Its page is in this folder of the app's; it has none if absent. */
  show(gui: string | undefined): void
}

/**
 * Serve an app at an origin of its own. Only who has the key gets in; a page of another site, or a name made to point here, does not.
 *
 * @throws MeshError `port-in-use`
 */
export async function serveDevPage(options: {
  readonly folder: string
  readonly request: (request: AppRequest) => Promise<AppResponse>
}): Promise<DevPage> {
  const key = randomBytes(18).toString('base64url')
  let port = 0
  let gui: string | undefined
  const isKey = (text: string | undefined) => {
    const [a, b] = [Buffer.from(text ?? ''), Buffer.from(key)]
    return a.length === b.length && timingSafeEqual(a, b)
  }
  const app = new Hono()
  app.use(async (context, next) => {
    const host = context.req.header('host')
    const origin = context.req.header('origin')
    const isOwn = (name: string) => [`localhost:${port}`, `127.0.0.1:${port}`].includes(name)
    if (
      host === undefined ||
      !isOwn(host) ||
      (origin !== undefined && !isOwn(origin.replace(/^http:\/\//, '')))
    )
      return answerError(
        context,
        new MeshError('wrong-origin', 'Cannot use app: asked by another page or name'),
      )
    if (isKey(context.req.query('key')) && context.req.method === 'GET') {
      setCookie(context, `ztm-dev-${port}`, key, { httpOnly: true, sameSite: 'Strict', path: '/' })
      return context.redirect(context.req.path)
    }
    const shown = /^Bearer (.{1,64})$/.exec(context.req.header('authorization') ?? '')?.[1]
    if (isKey(shown) || isKey(getCookie(context, `ztm-dev-${port}`))) return next()
    return answerError(
      context,
      new MeshError('not-logged-in', 'Cannot use app: open the address with its key'),
    )
  })
  app.all('*', async context => {
    if (!new URL(context.req.url).pathname.startsWith(`${API}/`)) {
      const page = gui === undefined ? undefined : await readPage(join(options.folder, gui), context)
      return page ?? context.text(`Nothing here: the app's API is below ${API}/\n`, 404)
    }
    // The page is the app's own: it has no say in who may reach the app.
    const isPage = context.req.header('authorization') === undefined
    // Parsed as it will be when it is passed on: `/api/./.settings` is the same.
    const { pathname } = new URL(context.req.url)
    if (isPage && pathname.startsWith(`${API}${SETTINGS_PATH}`)) return context.notFound()
    try {
      const answer = await options.request(await readRequest(context))
      return new Response(
        answer.status === 204 || answer.status === 304 ? null : Buffer.from(answer.body),
        answer,
      )
    } catch (thrown) {
      return answerError(context, toMeshError(thrown))
    }
  })
  const server = createHttp1Server(app)
  await listen(server, { host: '127.0.0.1', port: 0 })
  port = (server.address() as AddressInfo).port
  return {
    url: `http://localhost:${port}/?key=${key}`,
    show(folder) {
      gui = folder
    },
    [Symbol.asyncDispose]: () => closeServer(server),
  }
}

async function readRequest(context: Context): Promise<AppRequest> {
  const { pathname, search } = new URL(context.req.url)
  const body = new Uint8Array(await context.req.arrayBuffer())
  if (body.length > MAX_BODY_BYTES)
    throw new MeshError('too-large', `Cannot ask app: over ${MAX_BODY_BYTES} bytes`)
  return {
    method: context.req.method,
    path: `${pathname.slice(API.length)}${search}`,
    headers: context.req.header() as Record<string, string>,
    body,
    caller: { source: 'user' },
  }
}

/** A file of the page, if there is one of that name. */
async function readPage(folder: string, context: Context): Promise<Response | undefined> {
  if (context.req.method !== 'GET') return undefined
  const name = decodeURIComponent(context.req.path.slice(1)) || 'index.html'
  const type = TYPES[extname(name)]
  if (type === undefined || !isInsidePath(name)) return undefined
  try {
    const [root, path] = await Promise.all([realpath(folder), realpath(join(folder, name))])
    if (!path.startsWith(`${root}${sep}`)) return undefined
    const headers = { 'content-type': type, 'cache-control': 'no-store', 'content-security-policy': POLICY }
    return new Response(await readFile(path), { headers })
  } catch {
    return undefined
  }
}

/** As at the page of an installed app. */
const API = '/api'
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
}
const POLICY =
  "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'"
const MAX_BODY_BYTES = 16_777_216
