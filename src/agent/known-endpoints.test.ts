import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { parseName } from '../core/model/names.ts'
import { createLocalMesh, MESH_NAME } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'
import { endpointHandlers } from './local-handlers.ts'
import { viewPaths } from './views.ts'

test('a peer one has a session with is shown and pinged by its name, also while no hub is reached', async () => {
  await using mesh = await createLocalMesh({ paths: ['direct'] })
  const home = await mesh.join('home')
  const { membership, agent } = await mesh.join('work')
  const { pingEndpoint } = endpointHandlers(agent)
  const params = { mesh: parseName(MESH_NAME) }
  const ping = async (name: string) => {
    const call = { params: { ...params, endpoint: name }, query: {} }
    return pingEndpoint(call as unknown as Parameters<typeof pingEndpoint>[0])
  }
  // As a dial opens it, which asks for no name.
  await membership.peers.session(home.membership.self.endpoint)
  const names = () => viewPaths(membership).map(({ name }) => String(name))
  await until(() => names().includes('home'), 'its name was asked for')
  await mesh.stopHub()
  await until(() => membership.link.session === undefined, 'the hub is gone')
  for (const called of ['home', String(home.membership.self.endpoint)])
    assert.equal((await ping(called)).path, 'direct')
  await membership.peers.session(home.membership.self.endpoint).then(session => session.close(GONE))
  await until(() => membership.peers.warm(home.membership.self.endpoint)?.isOpen !== true, 'it is closed')
  await assert.rejects(ping('home'), { code: 'offline', message: /no link to a hub.*ztm doctor/ })
})

const GONE = new MeshError('link-closed', 'Session ended: nobody needs it')
