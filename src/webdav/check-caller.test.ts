import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { createManualClock } from '../testing/manual-clock.ts'
import { createCallerCheck } from './check-caller.ts'

const HOSTS = new Set(['127.0.0.1:7788'])
const md5 = (text: string) => createHash('md5').update(text).digest('hex')

function lab() {
  const clock = createManualClock()
  const check = createCallerCheck({ user: 'ztm', password: 'correct horse battery', now: () => clock.now() })
  const ask = (headers: Record<string, string>, method = 'GET', target = '/a') => {
    const all: Record<string, string> = { host: '127.0.0.1:7788', ...headers }
    const request = { method, target, header: (name: string) => all[name], body: (async function* () {})() }
    return check(request, HOSTS)
  }
  const challenge = () => String(ask({})?.headers['www-authenticate'])
  const nonce = () => /nonce="([^"]+)"/.exec(challenge())?.[1] ?? ''
  return { clock, ask, nonce }
}

function digest(
  nonce: string,
  { uri = '/a', method = 'GET', password = 'correct horse battery', qop = 'auth' } = {},
) {
  const first = md5(`ztm:ztm:${password}`)
  const response = md5([first, nonce, '00000001', 'c', qop, md5(`${method}:${uri}`)].join(':'))
  return {
    authorization: `Digest username="ztm", realm="ztm", nonce="${nonce}", uri="${uri}", qop=${qop}, nc=00000001, cnonce="c", response="${response}"`,
  }
}

test('a digest is good for its method, its target, its password and our nonce alone', () => {
  const { ask, nonce } = lab()
  const ours = nonce()
  assert.equal(ask(digest(ours)), undefined)
  assert.equal(ask(digest(ours), 'DELETE')?.status, 401)
  assert.equal(ask(digest(ours), 'GET', '/b')?.status, 401)
  assert.equal(ask(digest(ours, { password: 'wrong' }))?.status, 401)
  assert.equal(ask(digest('made up.by others'))?.status, 401)
  assert.equal(ask(digest(ours.replace(/^./, 'z')))?.status, 401)
  assert.equal(ask(digest(ours, { qop: 'auth-int' }))?.status, 401)
  assert.equal(ask({ authorization: 'Digest' })?.status, 401)
})

test('an old nonce is told to be stale, so that nobody is asked again', () => {
  const { ask, nonce, clock } = lab()
  const ours = nonce()
  clock.advance(3_700_000)
  const answer = ask(digest(ours))
  assert.equal(answer?.status, 401)
  assert.match(String(answer?.headers['www-authenticate']), /stale=true/)
  assert.doesNotMatch(String(ask(digest(ours, { password: 'wrong' }))?.headers['www-authenticate']), /stale/)
})

test('basic wants user and password whole, and a host of our own comes first', () => {
  const { ask } = lab()
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  assert.equal(ask(basic('ztm:correct horse battery')), undefined)
  for (const bad of [
    'ztm:',
    'ztm',
    ':correct horse battery',
    'ztm:correct horse batter',
    'ztm:correct horse battery ',
  ])
    assert.equal(ask(basic(bad))?.status, 401, bad)
  const good = basic('ztm:correct horse battery')
  for (const host of ['', 'evil.example', '127.0.0.1', '127.0.0.1:7788.evil.example'])
    assert.equal(ask({ ...good, host })?.status, 403, host)
  assert.equal(ask({ ...good, origin: 'http://127.0.0.1:7788' })?.status, 403)
  assert.equal(ask({ ...good, 'sec-fetch-site': 'same-site' })?.status, 403)
})
