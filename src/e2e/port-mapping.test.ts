import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { NatLab } from '../testing/nat-lab.ts'
import { mappedPorts, startPortMapper, whyNoPortMapper } from '../testing/nat-lab-mapper.ts'
import { createNatMesh, type NatMesh } from '../testing/nat-lab-mesh.ts'
import { canHaveNetLab, type NetHost } from '../testing/net-lab.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { until } from '../testing/until.ts'

// `--port-mapping on` against a real router daemon. No hole can be punched between these NATs, and nobody can connect.

type Mapping = {
  readonly state: string
  readonly tcp?: string
  readonly udp?: string
  readonly error?: string
}

const OUTER = '1.0.0.2'
const SITES = {
  house: { nats: ['symmetric'], hosts: ['home', 'other'] },
  office: { nats: ['symmetric'], hosts: ['work'] },
} as const
const agentArgs = (name: string) =>
  name === 'work' ? [] : ['--port-mapping', 'on', '--peer-port', String(PEER_PORT)]
/** Each agent has a computer of its own. */
const PEER_PORT = 7_780

/** From the port of NAT-PMP at the router to the port where the agent of `home` waits: no answer is whole. */
const NOISE = `
  const socket = require('node:dgram').createSocket('udp4')
  const parts = [[], [0], [0, 130], [0, 130, 0, 0, 0, 0, 0, 1], [0, 129, 0, 0, 0, 0, 0, 1, 30, 100], [0, 129, 0, 9]]
  socket.bind(5351, () => setInterval(() => {
    for (const part of parts) socket.send(Uint8Array.from(part), 5350, '10.1.1.10')
  }, 5))
  socket.on('error', () => {})
`

function canTest(t: TestContext): boolean {
  const why = whyNoPortMapper()
  if (why !== undefined) t.skip(why)
  return why === undefined && canHaveNetLab(t)
}

async function mappingOf(mesh: NatMesh, name: string): Promise<Mapping | undefined> {
  const { agent } = (await mesh.json(name, 'status', 'agent')) as { agent: { portMapping?: Mapping } }
  return agent.portMapping
}

async function untilAsked(mesh: NatMesh, name: string): Promise<Mapping> {
  let mapping: Mapping | undefined
  await until(async () => {
    mapping = await mappingOf(mesh, name)
    return mapping !== undefined && mapping.state !== 'opening'
  }, `the router was asked by ${name}`)
  return mapping as Mapping
}

for (const language of ['upnp', 'nat-pmp'] as const) {
  test(`a router that speaks ${language} leads peers to two agents behind it, until they stop`, {
    timeout: 120_000,
  }, async t => {
    if (!canTest(t)) return
    using folder = makeScratchFolder()
    let router: NetHost | undefined
    const prepare = async (lab: NatLab) => {
      router = await startPortMapper(lab, 'house', { folder: folder.path, language, outer: OUTER })
    }
    await using mesh = await createNatMesh(SITES, { agentArgs, prepare })
    const mappings = [await untilAsked(mesh, 'home'), await untilAsked(mesh, 'other')]
    assert.deepEqual(
      mappings.map(({ state }) => state),
      ['open', 'open'],
      JSON.stringify(mappings),
    )
    const ports = mappings.map(({ tcp = '' }) => tcp)
    assert.ok(ports.includes(`${OUTER}:${PEER_PORT}`))
    assert.equal(new Set(ports).size, 2)
    assert.equal((await mappedPorts(router as NetHost)).length, 4)
    for (const name of ['home', 'other']) {
      await mesh.run('work', 'ping', 'ep', name, '-c', '1', '--path', 'direct')
      await mesh.run('work', 'ping', 'ep', name, '-c', '1', '--path', 'punched')
      const [best] = await mesh.paths('work', name)
      assert.deepEqual([best?.path, best?.state], ['direct', 'open'])
    }
    await Promise.all([...mesh.daemons].filter(({ role }) => role === 'agent').map(agent => agent.stop()))
    assert.deepEqual(await mappedPorts(router as NetHost), [])
  })
}

test('where no router answers, doctor says what to do, and nothing waits for it', {
  timeout: 60_000,
}, async t => {
  if (!canHaveNetLab(t)) return
  // Nor does it matter what else comes from where an answer is waited for.
  const prepare = async (lab: NatLab) => {
    const [router] = lab.routers.get('house') ?? []
    router?.spawn(process.execPath, ['-e', NOISE], { stdio: 'ignore' })
  }
  await using mesh = await createNatMesh(SITES, { agentArgs, prepare })
  // Before it is known.
  await mesh.run('work', 'ping', 'ep', 'home', '-c', '1')
  const { state, error } = await untilAsked(mesh, 'home')
  assert.equal(state, 'failed')
  assert.match(error ?? '', /no router answers/)
  const { stdout } = await mesh.ztm('home', ['doctor', '-o', 'json'])
  const findings = JSON.parse(stdout) as { fault?: string; remedy?: string }[]
  const found = findings.find(({ fault }) => fault === 'port-mapping-failed')
  assert.match(found?.remedy ?? '', /--advertise IP:PORT/)
  assert.equal(await mappingOf(mesh, 'work'), undefined)
})
