import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'
import { parseServiceName } from '../core/model/names.ts'
import { startGatewayRig } from '../testing/gateway-rig.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'

const SERVICE = parseServiceName('tcp/app')

/** Serve HTTP on the streams of a service, without a port. */
async function hostHttp({ host }: LocalAgent, name: string) {
  const server = http.createServer((_request, response) => void response.end(name))
  await host.serve(SERVICE, {
    access: { users: [], entrances: [] },
    onStream: incoming => void server.emit('connection', incoming.accept()),
  })
}

test('a service that is hosted twice goes on when one of its hosts is gone, and is 503 without both', async () => {
  await using mesh = await createLocalMesh()
  const [one, two, door] = [await mesh.join('one'), await mesh.join('two'), await mesh.join('door')]
  await hostHttp(one, 'one')
  await hostHttp(two, 'two')
  await using rig = await startGatewayRig(
    `
listeners: [{ kind: http, listen: '127.0.0.1:0' }]
limits: { streamsPerService: 4 }
routes: [{ service: app, retries: 2 }]
`,
    { 'tcp/app': async () => (await door.host.dial(SERVICE).opened).stream },
  )
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${rig.port}/`)
    return [response.status, await response.text()] as const
  }
  const many = () => Promise.all(Array.from({ length: 8 }, ask))
  for (const [status] of await many()) assert.equal(status, 200)
  await one.agent[Symbol.asyncDispose]()
  for (let i = 0; i < 5; i += 1)
    assert.deepEqual(
      await many(),
      Array.from({ length: 8 }, () => [200, 'two']),
    )
  await two.agent[Symbol.asyncDispose]()
  await until(async () => (await ask())[0] === 503, 'nobody hosts it')
})
