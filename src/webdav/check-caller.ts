import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { LoopbackAnswer, LoopbackRequest } from '../net/loopback-server.ts'
import { refusal } from './answers.ts'

/** Who may use a share. */
export interface CallerTerms {
  readonly user: string
  /** At least 16 characters: it is all that keeps other users of this computer out. */
  readonly password: string
  readonly now: () => number
}

/**
 * Find out whose a request is, by password: `Digest`, as Windows wants it over plain HTTP, or `Basic`. Requests for other hosts, and those
 * that a page of a browser makes, are refused before.
 *
 * @returns what to answer whoever may not; undefined for who may
 * @see RFC 7616, RFC 7617
 */
export function createCallerCheck({ user, password, now }: CallerTerms) {
  const secret = randomBytes(32)
  const sign = (time: string) => createHmac('sha256', secret).update(time).digest('base64url')
  const makeNonce = () => {
    const time = now().toString(36)
    return `${time}.${sign(time)}`
  }
  /** How old a nonce of ours is, ms; undefined for one that is not ours. */
  const ageOf = (nonce: string) => {
    const [time = '', signature = ''] = nonce.split('.')
    return isSame(signature, sign(time)) ? now() - Number.parseInt(time, 36) : undefined
  }
  const challenge = (isStale: boolean): LoopbackAnswer =>
    refusal(401, 'Log in with the user and password that `ztm file serve` has shown', {
      'www-authenticate': [
        `Digest realm="${REALM}", qop="auth", algorithm=MD5, nonce="${makeNonce()}"${isStale ? ', stale=true' : ''}`,
        `Basic realm="${REALM}", charset="UTF-8"`,
      ],
    })
  return (request: LoopbackRequest, hosts: ReadonlySet<string>): LoopbackAnswer | undefined => {
    if (!hosts.has((request.header('host') ?? '').toLowerCase()))
      return refusal(403, 'Cannot answer: it was asked by a host name that is not its own')
    const site = request.header('sec-fetch-site') ?? 'none'
    if (request.header('origin') !== undefined || (site !== 'none' && site !== 'same-origin'))
      return refusal(403, 'Cannot answer: pages of browsers may not ask')
    const [, scheme = '', rest = ''] = /^\s*(\w+)\s+(.*)$/s.exec(request.header('authorization') ?? '') ?? []
    if (scheme.toLowerCase() === 'basic') {
      const shown = Buffer.from(rest.trim(), 'base64').toString('utf8')
      return isSame(shown, `${user}:${password}`) ? undefined : challenge(false)
    }
    if (scheme.toLowerCase() !== 'digest') return challenge(false)
    const said = readDigest(rest)
    const age = ageOf(said.nonce ?? '')
    const first = md5(`${user}:${REALM}:${password}`)
    const second = md5(`${request.method}:${said.uri ?? ''}`)
    const proof = md5([first, said.nonce, said.nc, said.cnonce, said.qop, second].join(':'))
    const isGood =
      age !== undefined &&
      said.username === user &&
      said.realm === REALM &&
      said.qop === 'auth' &&
      said.uri === request.target &&
      isSame((said.response ?? '').toLowerCase(), proof)
    if (!isGood) return challenge(false)
    return age > NONCE_LIFE_MS ? challenge(true) : undefined
  }
}

/** Read `name=value, name="quoted"`. */
function readDigest(text: string): Partial<Record<string, string>> {
  const said: Partial<Record<string, string>> = Object.create(null)
  for (const [, name = '', quoted, bare] of text.matchAll(/(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g))
    said[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? bare ?? ''
  return said
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
}

/** In a time that does not depend on where they differ. */
function isSame(shown: string, wanted: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(shown), hash(wanted))
}

const REALM = 'ztm'
/** How long a nonce is good; then a program is told to take a new one, and asks nobody. */
const NONCE_LIFE_MS = 3_600_000
