import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Caller } from '../../core/api/caller.ts'
import type { ServiceName } from '../../core/model/names.ts'
import { type ControllerRig, openControllerRig } from '../../testing/controller-rig.ts'
import { codeOf, createEdgeClient, dataOf, type EdgeAnswered } from '../../testing/edge-client.ts'
import { assertRefused } from '../../testing/refusal.ts'

type Edge = Awaited<ReturnType<typeof createEdgeClient>>

interface Shown {
  readonly id: string
  readonly address: string
  readonly cost: number
  readonly precedence: string
  readonly isHosting: boolean
}

const DB = 'tcp/db' as ServiceName

const host = (rig: ControllerRig, by: Caller, rank?: object) =>
  rig.ask('host', by, {
    params: { service: DB },
    body: { access: { users: [], entrances: [], policies: true }, ...(rank && { rank }) },
  } as never)

/** What who dials is told of the one hosting. */
async function rankNow(rig: ControllerRig, by: Caller): Promise<unknown> {
  const { service } = await rig.ask('openSession', by, { body: { service: DB } })
  return service.hostings[0]?.rank
}

async function listed(edge: Edge): Promise<Shown[]> {
  return dataOf<Shown[]>(await edge.manage('GET', '/terminators'))
}

/** A service "db" that servers of bob may host, and alice may dial. */
async function openScene() {
  const rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const server = await rig.joinAs('bob', 'server')
  const alice = await rig.joinAs('alice', 'laptop')
  const service = await edge.create('services', { name: 'db', encryptionRequired: true })
  const policy = { semantic: 'AnyOf', serviceRoles: ['@db'] }
  await edge.create('service-policies', { ...policy, name: 'd', type: 'Dial', identityRoles: ['@alice'] })
  await edge.create('service-policies', { ...policy, name: 'b', type: 'Bind', identityRoles: ['@bob'] })
  const plan = { service: 'db', router: rig.hub, binding: 'edge', address: server.id }
  return { rig, edge, server, alice, service, plan, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

function causeOf({ body }: EdgeAnswered): { field?: string; reason?: string } {
  return (body as { error: { cause?: object } }).error.cause ?? {}
}

suite('a terminator that is planned', () => {
  test('ranks a hosting from its first moment, over what its host says, and outlives both', async () => {
    await using scene = await openScene()
    const { rig, edge, server, alice, service, plan } = scene
    const answer = await edge.manage('POST', '/terminators', { ...plan, cost: 30, precedence: 'failed' })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    const { id } = dataOf<{ id: string }>(answer)
    const [planned, ...more] = await listed(edge)
    assert.deepEqual(
      [planned?.id, planned?.address, planned?.cost, planned?.precedence, planned?.isHosting, more.length],
      [id, server.id, 30, 'failed', false, 0],
    )
    assert.deepEqual(
      dataOf<Shown[]>(await edge.manage('GET', `/services/${service}/terminators`)).map(one => one.id),
      [id],
    )
    await rig.reopen()
    await host(rig, server.caller, { cost: 1 })
    assert.deepEqual(await rankNow(rig, alice.caller), { cost: 30, precedence: 'failed' })
    const hosting = dataOf<Shown>(await edge.manage('GET', `/terminators/${id}`))
    assert.deepEqual([hosting.isHosting, hosting.cost], [true, 30])
    assert.equal((await edge.manage('PATCH', `/terminators/${id}`, { cost: 7 })).status, 200)
    assert.deepEqual(await rankNow(rig, alice.caller), { cost: 7, precedence: 'failed' })
    // It hosts no more, and again: the plan holds.
    await rig.ask('unhost', server.caller, { params: { service: DB } })
    assert.deepEqual(
      (await listed(edge)).map(one => [one.id, one.isHosting, one.cost]),
      [[id, false, 7]],
    )
    await host(rig, server.caller)
    assert.deepEqual(await rankNow(rig, alice.caller), { cost: 7, precedence: 'failed' })
  })

  test('ends with its deletion, and the hosting with it, until its endpoint asks again', async () => {
    await using scene = await openScene()
    const { rig, edge, server, alice, plan } = scene
    const id = await edge.create('terminators', { ...plan, cost: 30 })
    await host(rig, server.caller)
    rig.changes.length = 0
    assert.equal((await edge.manage('DELETE', `/terminators/${id}`)).status, 200)
    assert.deepEqual(rig.changes[0], { change: 'hosting-ended', endpoint: server.id, service: DB })
    assert.deepEqual(await listed(edge), [])
    assert.equal(codeOf(await edge.manage('DELETE', `/terminators/${id}`)), 'NOT_FOUND')
    await host(rig, server.caller)
    assert.equal(await rankNow(rig, alice.caller), undefined)
  })

  test('ends with its service, and with its endpoint', async () => {
    await using scene = await openScene()
    const { rig, edge, server, service, plan } = scene
    await edge.create('terminators', plan)
    await edge.manage('DELETE', `/services/${service}`)
    assert.deepEqual(await listed(edge), [])
    const again = await edge.create('services', { name: 'db', encryptionRequired: true })
    await edge.create('service-policies', {
      name: 'again',
      type: 'Bind',
      semantic: 'AnyOf',
      identityRoles: ['@bob'],
      serviceRoles: [`@${again}`],
    })
    assert.deepEqual(await listed(edge), [])
    await edge.create('terminators', plan)
    await rig.ask('removeEndpoint', edge.root.caller, { params: { endpoint: server.id } })
    assert.deepEqual(await listed(edge), [])
    await rig.reopen()
    assert.deepEqual(await listed(edge), [])
  })

  test('lets nobody host who may not', async () => {
    await using scene = await openScene()
    const { rig, edge, server, plan } = scene
    await edge.create('terminators', plan)
    const [policy] = dataOf<{ id: string }[]>(
      await edge.manage('GET', `/service-policies?filter=${encodeURIComponent('name = "b"')}`),
    )
    await edge.manage('DELETE', `/service-policies/${policy?.id}`)
    await assertRefused(host(rig, server.caller), 'denied')
  })

  test('is refused where it could not come true, with why', async () => {
    await using scene = await openScene()
    const { rig, edge, server, alice, plan } = scene
    const program = await edge.logIn('worker')
    const refusals: [object, string, RegExp][] = [
      [{ binding: 'transport', address: 'tcp:10.0.0.1:80' }, 'binding', /connect to no address/],
      [{ router: 'elsewhere' }, 'router', /no such edge router/],
      [{ service: 'nothing' }, 'service', /no such service/],
      [{ address: 'tcp:10.0.0.1:80' }, 'address', /no such endpoint/],
      [{ address: program.sessionId }, 'address', /no such endpoint|serviceHostingCosts/],
      [{ address: alice.id }, 'address', /no service policy lets/],
      [{ identity: 'blue' }, 'identity', /its endpoint’s to say/],
      [{ cost: 65_536 }, 'cost', /./],
      [{ precedence: 'first' }, 'precedence', /./],
      [{ identitySecret: 'x' }, 'identitySecret', /./],
    ]
    for (const [change, field, why] of refusals) {
      const answer = await edge.manage('POST', '/terminators', { ...plan, ...change })
      const cause = causeOf(answer)
      assert.deepEqual([answer.status, codeOf(answer), cause.field], [400, 'COULD_NOT_VALIDATE', field])
      assert.match(cause.reason ?? '', why)
    }
    // By name as well as by id; a second time it is there already, planned or hosting.
    const id = await edge.create('terminators', { service: 'db', address: 'server' })
    const second = await edge.manage('POST', '/terminators', plan)
    assert.match(causeOf(second).reason ?? '', new RegExp(id))
    await edge.manage('DELETE', `/terminators/${id}`)
    await host(rig, server.caller)
    assert.match(causeOf(await edge.manage('POST', '/terminators', plan)).reason ?? '', new RegExp(id))
  })
})

test('a hub is no edge router by being declared, and that of this controller cannot be deleted', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const created = await edge.manage('POST', '/edge-routers', { name: 'second' })
  assert.deepEqual([codeOf(created), causeOf(created).field], ['COULD_NOT_VALIDATE', 'name'])
  const one = `/edge-routers/${rig.hub}`
  assert.equal(codeOf(await edge.manage('DELETE', one)), 'ENTITY_CAN_NOT_BE_DELETED')
  assert.equal(codeOf(await edge.manage('DELETE', '/edge-routers/nothing')), 'NOT_FOUND')
  const replaced = await edge.manage('PUT', one, { name: 'eu', roleAttributes: ['eu'], cost: 3 })
  assert.equal(replaced.status, 200, JSON.stringify(replaced.body))
  await edge.manage('PATCH', one, { disabled: true })
  await rig.reopen()
  const shown = dataOf(await edge.manage('GET', one))
  assert.deepEqual(
    [shown.name, shown.roleAttributes, shown.cost, shown.disabled],
    ['eu', ['eu'], 3, true],
    'and a start of the hub changes nothing of it',
  )
})

test('an auth policy lets nobody in by a certificate that is over, and says so', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const [policy] = dataOf<{ id: string; primary: { cert: object } }[]>(
    await edge.manage('GET', '/auth-policies'),
  )
  assert.deepEqual(policy?.primary.cert, { allowed: true, allowExpiredCerts: false })
  const one = `/auth-policies/${policy?.id}`
  const refused = await edge.manage('PATCH', one, { primary: { cert: { allowExpiredCerts: true } } })
  assert.deepEqual(
    [codeOf(refused), causeOf(refused).field],
    ['COULD_NOT_VALIDATE', 'primary.cert.allowExpiredCerts'],
  )
  assert.match(causeOf(refused).reason ?? '', /certificate that is over/)
  assert.equal((await edge.manage('PATCH', one, { primary: { cert: { allowed: false } } })).status, 200)
})
