import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hono } from 'hono'
import type { ConnectionUid } from '../net/connection-user.ts'
import { createPageLogins, mayUseToken } from './page-login.ts'

test("mayUseToken() lets in who runs the agent and root, and to an agent of root's whomever root gave it", () => {
  const may = (uid: ConnectionUid) => mayUseToken(uid, 1_000)
  assert.deepEqual([1_000, 0, undefined, 1_001, 'nobody' as const].map(may), [true, true, true, false, false])
  assert.deepEqual(
    [0, 1_000, undefined].map(uid => mayUseToken(uid, 0)),
    [true, true, true],
  )
  assert.equal(mayUseToken(1_000, undefined), true)
})

test('a login is good for the user who made it alone, where the system tells who asks', async () => {
  const logins = createPageLogins(() => 0)
  let uid: ConnectionUid = 1_000
  const app = new Hono()
  app.get('/open', context => context.text(logins.open(context, uid)))
  app.get('/ask', context => context.json(logins.isLoggedIn(context, uid)))
  const opened = await app.request('/open')
  const key = await opened.text()
  const [cookie = ''] = (opened.headers.get('set-cookie') ?? '').split(';')
  const ask = async (as: ConnectionUid) => {
    uid = as
    return (await app.request('/ask', { headers: { cookie, 'ztm-key': key } })).json()
  }
  assert.deepEqual(
    [await ask(1_000), await ask(undefined), await ask(1_001), await ask(0), await ask('nobody')],
    [true, true, false, false, false],
  )
  uid = 1_001
  assert.notEqual(await (await app.request('/open', { headers: { cookie } })).text(), key)
})
