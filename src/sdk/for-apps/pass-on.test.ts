import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { parseServiceName, type UserName } from '../../core/model/names.ts'
import { createStreamPair } from '../../testing/stream-pair.ts'
import { createTestMesh } from '../../testing/test-host.ts'
import type { App, Host } from '../app.ts'
import { passOn } from './pass-on.ts'
import { encodeSmallMessage, readSmallMessage } from './small-message.ts'

const APP = { name: 'ztm/probe', api: {} } as unknown as App
const serviceOf = (user: UserName) => parseServiceName(`tcp/.probe.${user}`)
const answerShape = z.object({ isGood: z.boolean(), error: z.object({ code: z.string() }).optional() })

/** An endpoint of root that asks, one of root that answers, and one of mallory that would like to. */
async function openRig(t: import('node:test').TestContext) {
  const mesh = createTestMesh()
  t.after(() => mesh[Symbol.asyncDispose]())
  const [near, home] = [mesh.addEndpoint('near'), mesh.addEndpoint('home')]
  const work = mesh.addEndpoint('work', 'mallory')
  const heard: string[] = []
  for (const one of [home, work])
    await one.host(APP).serve(serviceOf(one.identity.user), {
      access: { users: ['*'], entrances: [] },
      async onStream(incoming) {
        const stream = incoming.accept()
        heard.push(
          `${one.name}: ${(await readSmallMessage(stream, z.object({ secret: z.string() }))).secret}`,
        )
        stream.end(encodeSmallMessage({ isGood: true }))
      },
    })
  const ask = async (endpoint: string, change: Partial<Host> = {}) => {
    const [mine, theirs] = createStreamPair()
    const options = {
      shape: z.object({ secret: z.string() }),
      maxBytes: 1_024,
      serviceOf,
      helloTimeoutMs: 1_000,
    }
    const own = near.host(APP)
    void passOn({ ...options, host: { ...own, endpoint: own.endpoint, ...change } }, theirs)
    mine.write(encodeSmallMessage({ endpoint, request: { secret: 'password' } }))
    const { isGood, error } = await readSmallMessage(mine, answerShape)
    return isGood ? 'good' : error?.code
  }
  return { near, home, work, heard, ask }
}

test('passOn() takes a name for one’s own endpoint, or for that of who is named before it; an id is anybody’s', async t => {
  const { home, work, heard, ask } = await openRig(t)
  assert.equal(await ask('home'), 'good')
  assert.equal(await ask('root@home'), 'good')
  assert.equal(await ask('mallory@work'), 'good')
  assert.equal(await ask(work.identity.endpoint), 'good')
  assert.deepEqual(heard.splice(0), ['home: password', 'home: password', 'work: password', 'work: password'])
  assert.equal(await ask('work'), 'denied')
  assert.equal(await ask('root@work'), 'denied')
  assert.equal(await ask(`mallory@${home.identity.endpoint}`), 'denied')
  assert.deepEqual(heard, [])
})

test('passOn() sends nothing to the endpoint that a lying hub gives a name to', async t => {
  const { near, work, heard, ask } = await openRig(t)
  const [thief] = [work.identity.endpoint]
  const own = near.host(APP)
  const isMallorys = async () => own.findEndpoint('work')
  assert.equal(await ask('home', { findEndpoint: isMallorys }), 'denied')
  // Said to be root's own: who is dialled has to prove that, and cannot.
  const isSaidToBeOurs = async () => ({ ...(await own.findEndpoint('work')), user: near.identity.user })
  assert.notEqual(await ask('home', { findEndpoint: isSaidToBeOurs }), 'good')
  assert.deepEqual(near.dials.at(-1)?.options, { owner: 'root', exits: [thief] })
  assert.deepEqual(heard, [])
})
