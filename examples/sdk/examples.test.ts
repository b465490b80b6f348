import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type ExampleProcess, startExample } from '../../src/testing/example-process.ts'
import { startPostgres } from '../../src/testing/programs.ts'
import { createSdkLab, type SdkLab } from '../../src/testing/sdk-lab.ts'

// Every example as people run it: a process of its own, with nothing but its environment.

let lab: SdkLab

before(async () => {
  lab = await createSdkLab()
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

/** Run an example as an identity that has these roles. */
async function run(
  args: string[],
  roles: string[],
  more: Record<string, string> = {},
): Promise<ExampleProcess> {
  const identity = await lab.identity(`${args.slice(0, 2).join(' ')} ${roles}`, ...roles)
  return startExample(args, { ...lab.env(identity), ...more })
}

test('client-to-service.ts', async () => {
  await lab.service('greeter')
  await using host = await run(['client-to-service.ts', 'host'], ['host'])
  await host.said('hosting greeter')
  await using guest = await run(['client-to-service.ts', 'dial', 'Ann'], ['dialler'])
  assert.equal(await guest.ended(), 'hello Ann from greeter\n')
})

test('service-mesh.ts', async () => {
  for (const name of ['prices', 'stock', 'shop']) await lab.service(name)
  await using prices = await run(['service-mesh.ts', 'prices'], ['host'])
  await using stock = await run(['service-mesh.ts', 'stock'], ['host'])
  await using shop = await run(['service-mesh.ts', 'shop'], ['host', 'dialler'])
  await Promise.all([prices.said('hosting'), stock.said('hosting'), shop.said('hosting')])
  await using customer = await run(['service-mesh.ts', 'customer', 'pears'], ['dialler'])
  assert.deepEqual(JSON.parse(await customer.ended()), { item: 'pears', price: 50, left: 5 })
})

test('http-server.ts', async () => {
  await lab.service('web')
  await using host = await run(['http-server.ts'], ['host'])
  await host.said('hosting web')
  await using guest = await run(['http-server.ts', 'get', '/page'], ['dialler'])
  assert.equal(await guest.ended(), '200 you asked for /page, and no port is open here\n\n')
})

test('postgres.ts', async () => {
  await using database = await startPostgres()
  await lab.service('db')
  await using host = await run(['postgres.ts', 'host', String(database.port)], ['host'])
  await host.said('hosting db')
  const login = { PGUSER: 'postgres', PGDATABASE: 'postgres' }
  await using guest = await run(['postgres.ts', 'query', 'select 6 * 7 as answer'], ['dialler'], login)
  assert.deepEqual(JSON.parse(await guest.ended()), [{ answer: 42 }])
})

test('zap-calls.ts', async () => {
  await lab.service('calculator')
  await using host = await run(['zap-calls.ts', 'host'], ['host'])
  await host.said('hosting calculator')
  await using sum = await run(['zap-calls.ts', 'add', '1', '2', '39'], ['dialler'])
  assert.equal(await sum.ended(), '42\n')
  await using numbers = await run(['zap-calls.ts', 'count', '3'], ['dialler'])
  assert.equal(await numbers.ended(), '1\n2\n3\n')
})

test('datagrams.ts', async () => {
  await lab.service('udp/echo')
  await using host = await run(['datagrams.ts', 'host'], ['host'])
  await host.said('hosting udp/echo')
  await using guest = await run(['datagrams.ts', 'send', 'one', 'two'], ['dialler'])
  assert.equal(await guest.ended(), 'one\ntwo\n')
})

test('every example has less than 40 lines', () => {
  for (const file of readdirSync(import.meta.dirname)) {
    if (file.endsWith('.test.ts')) continue
    const lines = readFileSync(join(import.meta.dirname, file), 'utf8').split('\n').length
    assert.ok(lines < 40, `${file}: ${lines} lines`)
  }
})
