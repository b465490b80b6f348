import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Name, parseName, parseServiceName } from '../core/model/names.ts'
import type { DialOptions, ServeOptions } from '../sdk/app.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'

const SERVICE = parseServiceName('tcp/ranked')
const NOBODY_ELSE = { users: [], entrances: [] }

async function host(agent: LocalAgent, options: Partial<ServeOptions>): Promise<void> {
  const onStream: ServeOptions['onStream'] = incoming => incoming.accept().resume().end()
  await agent.host.serve(SERVICE, { access: NOBODY_ELSE, onStream, ...options })
}

async function dialTo(agent: LocalAgent, options?: DialOptions): Promise<Name> {
  const { stream, endpoint, user, sessionId } = await agent.host.dial(SERVICE, options).opened
  stream.resume().end()
  assert.equal(user, 'root')
  assert.match(sessionId, /^[\w-]{20,}$/)
  return (await agent.host.findEndpoint(endpoint)).name
}

test('a dial takes the cheapest hosting, another when that is gone, and one by its instance', async () => {
  await using mesh = await createLocalMesh()
  const [dear, cheap, guest] = [await mesh.join('dear'), await mesh.join('cheap'), await mesh.join('guest')]
  await host(dear, { rank: { cost: 10, precedence: 'default' }, instance: parseName('blue') })
  await host(cheap, { rank: { cost: 1, precedence: 'default' }, instance: parseName('green') })
  assert.deepEqual(
    [await dialTo(guest), await dialTo(guest), await dialTo(guest)],
    ['cheap', 'cheap', 'cheap'],
  )
  assert.equal(await dialTo(guest, { instance: parseName('blue') }), 'dear')
  await assert.rejects(dialTo(guest, { instance: parseName('red') }), {
    code: 'offline',
    message: /hosts it/,
  })
  await cheap.agent[Symbol.asyncDispose]()
  await until(async () => (await dialTo(guest)) === 'dear', 'the dial goes to the other one')
})

test('the last resort is taken where there is nobody else', async () => {
  await using mesh = await createLocalMesh()
  const [reserve, first, guest] = [
    await mesh.join('reserve'),
    await mesh.join('first'),
    await mesh.join('guest'),
  ]
  await host(reserve, { rank: { cost: 0, precedence: 'failed' } })
  assert.equal(await dialTo(guest), 'reserve')
  await host(first, { rank: { cost: 50_000, precedence: 'required' } })
  await until(async () => (await dialTo(guest)) === 'first', 'the first is known')
  assert.deepEqual([await dialTo(guest), await dialTo(guest)], ['first', 'first'])
})
