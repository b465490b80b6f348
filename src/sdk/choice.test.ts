import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createSdkLab, type SdkLab } from '../testing/sdk-lab.ts'
import { until } from '../testing/until.ts'
import type { Context, DialOptions, ListenOptions } from './context.ts'

/** A program that hosts a service and answers with its own name. */
async function host(lab: SdkLab, name: string, options: ListenOptions): Promise<Context> {
  const context = lab.context(await lab.identity(name, 'host'))
  const listener = await context.listen('who', options)
  listener.onConnection(connection => connection.end(name))
  return context
}

async function ask(guest: Context, service = 'who', options: DialOptions = {}): Promise<string> {
  const connection = await guest.dial(service, options)
  connection.end()
  return text(connection)
}

test('programs host with cost and precedence; a dial fails over within itself', async () => {
  await using lab = await createSdkLab()
  await lab.service('who')
  const cheap = await host(lab, 'cheap', { cost: 1, instance: 'green' })
  await host(lab, 'dear', { cost: 100, instance: 'blue' })
  await host(lab, 'reserve', { precedence: 'failed' })
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  const asked = async (count: number) => {
    const answers = []
    for (let i = 0; i < count; i++) answers.push(await ask(guest))
    return answers
  }
  assert.deepEqual(await asked(3), ['cheap', 'cheap', 'cheap'])
  assert.equal(await ask(guest, 'blue@who'), 'dear')
  await assert.rejects(ask(guest, 'red@who'), { reason: 'connection-failed' })
  await cheap.close()
  assert.deepEqual(await asked(3), ['dear', 'dear', 'dear'])
})

test('a sticky service stays where it was, and goes back by a token', async () => {
  await using lab = await createSdkLab()
  await lab.service('who', { terminatorStrategy: 'sticky' })
  await host(lab, 'one', {})
  await host(lab, 'two', {})
  const identity = await lab.identity('guest', 'dialler')
  const guest = lab.context(identity)
  const connection = await guest.dial('who')
  connection.end()
  const first = await text(connection)
  const { stickinessToken } = connection
  for (let i = 0; i < 4; i++) assert.equal(await ask(guest), first)
  const other = lab.context(identity)
  for (let i = 0; i < 3; i++) assert.equal(await ask(other, 'who', { stickinessToken }), first)
})

test('a listener takes as many as it says, and tells the others so', async () => {
  await using lab = await createSdkLab()
  await lab.service('who')
  const context = lab.context(await lab.identity('host', 'host'))
  const listener = await context.listen('who', { maxConnections: 1 })
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  const [first] = await Promise.all([guest.dial('who'), listener.accept()])
  await assert.rejects(guest.dial('who'), { reason: 'limit', code: 'too-many' })
  first.destroy()
  await until(() => listener.connectionCount === 0, 'it is gone')
  const again = await guest.dial('who')
  assert.equal(again.isOpen, true)
  // Nobody accepted it: it ends with the listener.
  const broken = once(again, 'error')
  await listener.close()
  assert.equal((await broken)[0].reason, 'connection-closed')
  await assert.rejects(listener.accept(), { reason: 'connection-closed' })
  await assert.rejects(guest.dial('who'))
})
