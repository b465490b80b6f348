import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { parse } from 'hono/utils/cookie'
import type { ConnectionUid } from '../net/connection-user.ts'

/**
 * Browsers that are logged in. A browser shows two things: a cookie, which it keeps from every script, and a key, which it
 * keeps for one origin. Neither is enough: cookies go to all ports of a host name, so that a server of somebody else on this
 * computer can see them; and a key that a script of the page can read might get out. Where the system tells who opened a
 * connection, a login is good for that user of the computer alone, whoever else got hold of both.
 */
export interface PageLogins {
  /** A code that logs one browser in, once, within `CODE_LIFE_MS`. */
  makeCode(): string
  /** Whether the code is good; it is not any more. */
  redeemCode(code: string): boolean
  /** Log a browser in, or find that it is. @param uid  who runs it @returns its key */
  open(context: Context, uid: ConnectionUid): string
  /** Whether the request shows both the cookie and the key of a login of that user. */
  isLoggedIn(context: Context, uid: ConnectionUid): boolean
  /** The same, of a request that is none of the API's. @param cookie  the header */
  isLogin(cookie: string | undefined, key: string, uid: ConnectionUid): boolean
  /** Which login of that user a request shows, by its cookie alone; undefined if none. The key, or what stands for it, is still to be asked for. */
  sessionOf(context: Context, uid: ConnectionUid): string | undefined
  /** End the login of a browser. */
  close(context: Context): void
}

/** Make the logins of an agent; they live as long as it. */
export function createPageLogins(now: () => number): PageLogins {
  const codes = new Map<string, number>()
  const logins = new Map<string, { readonly key: string; readonly uid: ConnectionUid }>()
  const loginOf = (cookie: string | undefined, uid: ConnectionUid) => {
    const login = logins.get(parse(cookie ?? '', COOKIE)[COOKIE] ?? '')
    return login !== undefined && isSameUser(login.uid, uid) ? login : undefined
  }
  const isLogin: PageLogins['isLogin'] = (cookie, shown, uid) => {
    const login = loginOf(cookie, uid)
    return login !== undefined && isSame(shown, login.key)
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
    open(context, uid) {
      const known = loginOf(context.req.header('cookie'), uid)
      if (known !== undefined) return known.key
      const [session, key] = [randomBytes(32), randomBytes(32)].map(bytes => bytes.toString('base64url')) as [
        string,
        string,
      ]
      keepWithin(logins, MAX_SESSIONS)
      logins.set(session, { key, uid })
      setCookie(context, COOKIE, session, COOKIE_OPTIONS)
      return key
    },
    isLoggedIn: (context, uid) =>
      isLogin(context.req.header('cookie'), context.req.header(KEY_HEADER) ?? '', uid),
    isLogin,
    sessionOf(context, uid) {
      const session = getCookie(context, COOKIE)
      return loginOf(context.req.header('cookie'), uid) === undefined ? undefined : session
    },
    close(context) {
      logins.delete(getCookie(context, COOKIE) ?? '')
      setCookie(context, COOKIE, '', { ...COOKIE_OPTIONS, maxAge: 0 })
    },
  }
}

/**
 * Whether the user who presents the agent's token may: on this computer the one who runs the agent, and root; to an agent of root's,
 * a service, anybody whom root gave it.
 *
 * @param own  who runs the agent; undefined where the system has no such thing
 */
export function mayUseToken(uid: ConnectionUid, own: number | undefined): boolean {
  return uid === undefined || own === undefined || own === 0 || uid === 0 || uid === own
}

/** Nobody is no user: whoever lets go of its socket so that it cannot be told who it was. */
function isSameUser(before: ConnectionUid, now: ConnectionUid): boolean {
  return now !== 'nobody' && (before === undefined || now === undefined || before === now)
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
