import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { parse } from 'hono/utils/cookie'

/**
 * Browsers that are logged in. A browser shows two things: a cookie, which it keeps from every script, and a key, which it
 * keeps for one origin. Neither is enough: cookies go to all ports of a host name, so that a server of somebody else on this
 * computer can see them; and a key that a script of the page can read might get out.
 */
export interface PageLogins {
  /** A code that logs one browser in, once, within `CODE_LIFE_MS`. */
  makeCode(): string
  /** Whether the code is good; it is not any more. */
  redeemCode(code: string): boolean
  /** Log a browser in, or find that it is. @returns its key */
  open(context: Context): string
  /** Whether the request shows both the cookie and the key of a login. */
  isLoggedIn(context: Context): boolean
  /** The same, of a request that is none of the API's. @param cookie  the header */
  isLogin(cookie: string | undefined, key: string): boolean
  /** Which login a request shows, by its cookie alone; undefined if none. The key, or what stands for it, is still to be asked for. */
  sessionOf(context: Context): string | undefined
  /** End the login of a browser. */
  close(context: Context): void
}

/** Make the logins of an agent; they live as long as it. */
export function createPageLogins(now: () => number): PageLogins {
  const codes = new Map<string, number>()
  const keys = new Map<string, string>()
  const keyOf = (context: Context) => keys.get(getCookie(context, COOKIE) ?? '')
  const isLogin = (cookie: string | undefined, shown: string) => {
    const key = keys.get(parse(cookie ?? '', COOKIE)[COOKIE] ?? '')
    return key !== undefined && isSame(shown, key)
  }
  return {
    makeCode() {
      const code = randomBytes(24).toString('base64url')
      keepWithin(codes, MAX_CODES)
      codes.set(code, now() + CODE_LIFE_MS)
      return code
    },
    redeemCode(code) {
      const isGood = (codes.get(code) ?? 0) > now()
      codes.delete(code)
      return isGood
    },
    open(context) {
      const known = keyOf(context)
      if (known !== undefined) return known
      const [session, key] = [randomBytes(32), randomBytes(32)].map(bytes => bytes.toString('base64url')) as [
        string,
        string,
      ]
      keepWithin(keys, MAX_SESSIONS)
      keys.set(session, key)
      setCookie(context, COOKIE, session, COOKIE_OPTIONS)
      return key
    },
    isLoggedIn: context => isLogin(context.req.header('cookie'), context.req.header(KEY_HEADER) ?? ''),
    isLogin,
    sessionOf(context) {
      const session = getCookie(context, COOKIE) ?? ''
      return keys.has(session) ? session : undefined
    },
    close(context) {
      keys.delete(getCookie(context, COOKIE) ?? '')
      setCookie(context, COOKIE, '', { ...COOKIE_OPTIONS, maxAge: 0 })
    },
  }
}

/** Whether two secrets are the same, in a time that does not depend on where they differ. */
export function isSame(shown: string, secret: string): boolean {
  const [a, b] = [Buffer.from(shown), Buffer.from(secret)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Make room for one more; the oldest goes. */
function keepWithin(map: Map<string, unknown>, most: number): void {
  if (map.size >= most) map.delete(map.keys().next().value as string)
}

/** The header that carries the key of a login. */
export const KEY_HEADER = 'ztm-key'
const COOKIE = 'ztm-session'
const COOKIE_OPTIONS = { httpOnly: true, sameSite: 'Strict', path: '/', maxAge: 30 * 86_400 } as const
const CODE_LIFE_MS = 60_000
const MAX_CODES = 16
const MAX_SESSIONS = 64
