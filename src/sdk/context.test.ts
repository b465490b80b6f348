import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createSdkLab, type SdkLab } from '../testing/sdk-lab.ts'
import { until } from '../testing/until.ts'
import type { Context } from './context.ts'
import { ZtmError } from './ztm-error.ts'

/** Two programs, one of which hosts an echo. */
async function withEcho(lab: SdkLab): Promise<{ host: Context; guest: Context }> {
  await lab.service('echo')
  const host = lab.context(await lab.identity('host', 'host'))
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  const listener = await host.listen('echo')
  listener.onConnection(connection => connection.pipe(connection))
  return { host, guest }
}

async function refusalOf(promise: Promise<unknown>): Promise<ZtmError> {
  const thrown = await promise.then(
    () => assert.fail('it went well'),
    error => error,
  )
  assert.ok(thrown instanceof ZtmError, String(thrown))
  return thrown
}

test('a program dials by name what another hosts, as a stream, web streams and frames', async () => {
  await using lab = await createSdkLab()
  const { guest } = await withEcho(lab)
  const connection = await guest.dial('echo')
  connection.end('hello')
  assert.equal(await text(connection), 'hello')
  assert.equal(connection.serviceName, 'tcp/echo')
  assert.match(connection.sessionId, /^[\w-]{20,}$/)
  assert.match(
    connection.peer?.spiffeId ?? '',
    /^spiffe:\/\/[a-z2-7]{26}\/identity\/[0-9a-f-]{36}\/session\/[0-9a-f-]{36}$/,
  )
  assert.deepEqual([connection.bytesWritten, connection.bytesRead], [5, 5])

  const { web } = await guest.dial('tcp/echo')
  const writer = web.writable.getWriter()
  await writer.write(Buffer.from('web'))
  await writer.close()
  assert.equal(await text(web.readable), 'web')

  const framed = await guest.dial('zt://echo')
  await framed.send(Buffer.from('frame'))
  assert.equal(Buffer.from(await framed.recv()).toString(), 'frame')
  framed.closeWrite()
})

test('bytes that are written before a connection is open go with the request', async () => {
  await using lab = await createSdkLab()
  const { guest } = await withEcho(lab)
  const connection = guest.connect('echo')
  assert.equal(connection.connecting, true)
  connection.write('early ')
  connection.end(Buffer.alloc(300_000, 'x'))
  assert.equal((await text(connection)).length, 300_006)
  const greeted = await guest.dial('echo', { appData: Buffer.from('who I am') })
  assert.equal(String((await once(greeted, 'data'))[0]), 'who I am')
  greeted.destroy()
})

test('half-close works both ways, and a break is seen as one', async () => {
  await using lab = await createSdkLab()
  await lab.service('odd')
  const host = lab.context(await lab.identity('host', 'host'))
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  const listener = await host.listen('odd')
  const dialled = guest.dial('odd')
  const [far, near] = [await listener.accept(), await dialled]
  far.end('done first')
  assert.equal(await text(near), 'done first')
  near.end('and then me')
  assert.equal(await text(far), 'and then me')

  const again = guest.dial('odd')
  const [broken, seen] = [await listener.accept(), await again]
  const failed = once(seen, 'error')
  broken.destroy()
  const [error] = await failed
  assert.equal(error.reason, 'connection-closed')
})

test('what may not be is refused by its reason', async () => {
  await using lab = await createSdkLab()
  const { guest, host } = await withEcho(lab)
  await lab.create('services', { name: 'hidden', encryptionRequired: true })
  assert.equal((await refusalOf(guest.dial('nothing'))).reason, 'service-not-found')
  assert.ok(['denied', 'service-not-found'].includes((await refusalOf(guest.dial('hidden'))).reason))
  const denied = await refusalOf(guest.listen('echo'))
  assert.deepEqual([denied.reason, denied.code], ['denied', 'denied'])
  const fresh = lab.context(await lab.identity('fresh', 'dialler'))
  assert.equal((await refusalOf(fresh.listen('echo'))).reason, 'denied')
  assert.ok(['denied', 'service-not-found'].includes((await refusalOf(host.dial('echo'))).reason))
  assert.equal((await refusalOf(guest.dial('no/such/name'))).code, 'bad-name')
  const stranger = lab.context({ id: '', name: '', apiKey: 'zt-no-such-key-0000000000000000' })
  const failures: ZtmError[] = []
  stranger.events().on('auth-failed', ({ error }) => failures.push(error))
  const refused = await refusalOf(stranger.dial('echo'))
  assert.deepEqual([refused.reason, refused.status], ['auth-failed', 401])
  assert.equal(failures[0]?.reason, 'auth-failed')
})

test('a context does what its mode says, and nothing else', async () => {
  await using lab = await createSdkLab()
  await withEcho(lab)
  const both = await lab.identity('both', 'host', 'dialler')
  const dialler = lab.context(both, { mode: 'dial' })
  assert.deepEqual([(await refusalOf(dialler.listen('echo'))).field], ['mode'])
  const connection = await dialler.dial('echo')
  connection.end('x')
  assert.equal(await text(connection), 'x')
  const hoster = lab.context(both, { mode: 'host' })
  assert.throws(() => hoster.connect('echo'), { reason: 'invalid-config', field: 'mode' })
  const terminators = (await lab.manage('GET', '/terminators')) as unknown[]
  assert.equal(terminators.length, 1)
})

test('services() shows what policies permit, and events tell of changes', async () => {
  await using lab = await createSdkLab()
  const { guest } = await withEcho(lab)
  const seen: string[] = []
  const events = guest.events()
  for (const name of ['service-added', 'service-removed'] as const)
    events.on(name, ({ service }) => seen.push(`${name} ${service.name}`))
  events.on('authenticated', ({ identityName }) => seen.push(`authenticated ${identityName}`))
  await guest.authenticate()
  assert.deepEqual(
    (await guest.services()).map(({ name, permissions }) => ({ name, permissions })),
    [{ name: 'echo', permissions: ['Dial'] }],
  )
  const session = await guest.session()
  assert.equal(session?.identity.name, 'guest')
  await until(() => seen.includes('service-added echo'), 'the service is told')
  assert.equal(seen[0], 'authenticated guest')
})

test('events can be read in a loop that ends with the context', async () => {
  await using lab = await createSdkLab()
  const { guest } = await withEcho(lab)
  const seen: string[] = []
  const loop = (async () => {
    for await (const { event } of guest.events()) seen.push(event)
  })()
  const connection = await guest.dial('echo')
  connection.end()
  await once(connection.resume(), 'close')
  await until(() => seen.includes('session-closed'), 'its end is told')
  await guest.close()
  await loop
  for (const name of ['authenticated', 'link-up', 'session-created', 'path-changed'])
    assert.ok(seen.includes(name), `${name} in ${seen}`)
})

test('a dial can be given up by its signal or its time', async () => {
  await using lab = await createSdkLab()
  const { guest } = await withEcho(lab)
  const late = await refusalOf(guest.dial('echo', { timeoutMs: 1 }))
  assert.deepEqual([late.reason, late.operation, late.timeoutMs], ['timeout', 'connect', 1])
  const abort = new AbortController()
  const connection = await guest.dial('echo', { signal: abort.signal })
  const failed = once(connection, 'error')
  abort.abort()
  assert.equal((await failed)[0].code, 'timed-out')
  const idle = await guest.dial('echo')
  const over = once(idle, 'error')
  idle.setDeadline(10)
  assert.equal((await over)[0].reason, 'timeout')
})
