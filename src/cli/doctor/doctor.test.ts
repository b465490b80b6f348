import assert from 'node:assert/strict'
import { chmodSync, chownSync, rmSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import { fakeAnswer, openClinic, serveMute } from '../../testing/clinic.ts'
import { mountSmallDisk } from '../../testing/small-disk.ts'
import { openLab, type RecordedWorldOptions } from '../recorded-world.ts'
import { checkNode } from './computer-checks.ts'
import { examine, type Seed, testSeeds } from './seed.ts'

async function openPatient(t: TestContext, world: Partial<RecordedWorldOptions> = {}) {
  const lab = await openLab(t, folder => openClinic(t, folder), world)
  return { ...lab, ...lab.daemons }
}

type Patient = Awaited<ReturnType<typeof openPatient>>

/** A computer with systemd that says this of the agent's unit. */
const service =
  (answers: Record<string, string>) =>
  ({ world }: Patient) => {
    const user = { name: 'ann', homeFolder: '/home/ann' }
    const exists = (path: string) => !path.includes('hub')
    const machine = { platform: 'linux', isAdministrator: true, user, env: {}, exists }
    const run = async (_: string, [word = '']: readonly string[]) => ({
      status: 0,
      output: answers[word] ?? '',
    })
    Object.assign(world.system, { machine: async () => machine, run })
  }

const inbound =
  (listen: object) =>
  ({ daemons }: Patient) => {
    const [first] = fakeAnswer('tunnel.listInbounds').inbounds as object[]
    const listens = [{ ip: '127.0.0.1', port: 80, isOpen: false, connectionCount: 0, ...listen }]
    daemons.answer('tunnel.listInbounds', () => ({ inbounds: [{ ...first, listens }] }))
  }

const outbound =
  (change: object) =>
  ({ daemons }: Patient) => {
    const [first] = fakeAnswer('tunnel.listOutbounds').outbounds as object[]
    daemons.answer('tunnel.listOutbounds', () => ({ outbounds: [{ ...first, ...change }] }))
  }

const offline = (code: string) => ({ state: 'offline', error: { code, message: `Cannot connect: ${code}` } })

const SEEDS: readonly Seed<Patient>[] = [
  {
    name: 'no state folder',
    seed: ({ folder }) => rmSync(folder.file('data'), { recursive: true }),
    faults: ['folder-missing', 'agent-down'],
  },
  {
    name: 'a file in the place of the state folder',
    seed: ({ folder }) => {
      rmSync(folder.file('data'), { recursive: true })
      writeFileSync(folder.file('data'), '')
    },
    faults: ['folder-not-a-folder', 'agent-down'],
  },
  {
    name: 'a state folder others can write to',
    seed: ({ folder }) => chmodSync(folder.file('data'), 0o777),
    faults: ['folder-open'],
  },
  {
    name: 'a key others can read',
    seed: ({ folder }) => writeFileSync(folder.file('data/device.key'), '', { mode: 0o644 }),
    faults: ['file-open'],
  },
  {
    name: 'a file of another user',
    seed: ({ folder }) => {
      writeFileSync(folder.file('data/ztm.db'), '', { mode: 0o600 })
      chownSync(folder.file('data/ztm.db'), 12_345, 12_345)
    },
    faults: ['file-foreign'],
    skip: process.getuid?.() !== 0 && 'only root can give a file away',
  },
  {
    name: 'settings that are none',
    seed: ({ folder }) => writeFileSync(folder.file('data/config.json'), '{', { mode: 0o600 }),
    faults: ['settings-broken'],
  },
  {
    name: 'a proxy in the environment',
    seed: ({ world }) => Object.assign(world.env, { https_proxy: 'http://p:1' }),
    faults: ['proxy-set'],
  },
  {
    name: 'a service that failed',
    seed: service({ 'is-active': 'failed', 'is-enabled': 'enabled' }),
    faults: ['service-failed'],
  },
  {
    name: 'a service that is not enabled',
    seed: service({ 'is-active': 'active', 'is-enabled': 'disabled' }),
    faults: ['service-disabled'],
  },
  { name: 'no agent', seed: ({ daemons }) => daemons[Symbol.asyncDispose](), faults: ['agent-down'] },
  {
    name: 'an agent that hangs',
    seed: ({ folder }, t) => serveMute(t, folder.file('data/agent.sock')),
    faults: ['agent-stuck'],
  },
  {
    name: 'an agent of another version',
    seed: ({ daemons }) =>
      daemons.answer('agent.showVersion', () => ({ version: '9', node: '', platform: '' })),
    faults: ['agent-other-version'],
  },
  {
    name: 'something that is no agent',
    seed: ({ daemons }) => daemons.answer('agent.showStatus', () => ({})),
    faults: ['agent-strange'],
  },
  {
    name: 'an agent that wants a token',
    seed: ({ daemons }) =>
      daemons.answer('agent.showStatus', () => {
        throw new MeshError('not-logged-in', 'Cannot answer: no token')
      }),
    faults: ['agent-not-logged-in'],
  },
  {
    name: 'a router that forwards nothing',
    seed: ({ setAgent }) =>
      setAgent({
        portMapping: { state: 'failed', error: 'Cannot map tcp port at the router: upnp: no router answers' },
      }),
    faults: ['port-mapping-failed'],
  },
  {
    name: 'a default mesh that is not joined',
    seed: ({ world }) => Object.assign(world.env, { ZTM_MESH: 'nope' }),
    faults: ['mesh-unknown'],
  },
  {
    name: 'no mesh joined',
    seed: ({ daemons }) =>
      daemons.answer('agent.showStatus', () => ({ ...fakeAnswer('agent.showStatus'), meshes: [] })),
    faults: ['no-mesh'],
  },
  {
    name: 'a mesh that is disabled',
    seed: ({ setMesh }) => setMesh({ state: 'disabled' }),
    faults: ['mesh-disabled'],
  },
  {
    name: 'an endpoint that was evicted',
    seed: ({ setMesh }) => setMesh(offline('evicted')),
    faults: ['evicted'],
  },
  {
    name: 'an endpoint that was removed',
    seed: ({ setMesh }) => setMesh(offline('not-trusted')),
    faults: ['certificate-refused'],
  },
  {
    name: 'a link that fails for no reason seen from here',
    seed: ({ setMesh }) => setMesh(offline('link-closed')),
    faults: ['mesh-offline'],
  },
  {
    name: 'an own certificate that ended',
    seed: ({ setMesh }) =>
      setMesh({ ...offline('certificate-expired'), certificateExpiresAtMs: Date.now() - 1 }),
    faults: ['own-certificate-ended'],
  },
  {
    name: 'an own certificate that is not renewed',
    seed: ({ setMesh }) => setMesh({ certificateExpiresAtMs: Date.now() + 1_000 }),
    faults: ['own-certificate-late'],
  },
  {
    name: 'an inbound whose port is taken',
    seed: inbound({ error: 'the port is in use by another program' }),
    faults: ['inbound-port-taken'],
  },
  {
    name: 'an inbound that may not listen',
    seed: inbound({ error: 'the operating system does not allow it' }),
    faults: ['inbound-closed'],
  },
  {
    name: 'a target that is down',
    seed: outbound({ targets: [{ target: { host: 'db', port: 1 }, health: 'down', connectionCount: 0 }] }),
    faults: ['target-down'],
  },
  {
    name: 'a service whose name is taken',
    seed: outbound({ error: 'it belongs to bob' }),
    faults: ['service-not-hosted'],
  },
]

testSeeds(SEEDS, openPatient)

test('doctor finds nothing where all is well', async t => {
  const { ztm } = await openPatient(t)
  const { code, faults, findings } = await examine(ztm)
  assert.deepEqual({ code, faults }, { code: 0, faults: [] })
  assert.ok(findings.length >= 12)
})

test('doctor finds a disk that is full', async t => {
  using disk = mountSmallDisk(t, 409_600)
  if (disk === undefined) return
  const { ztm } = await openPatient(t)
  const { stdout } = await ztm('doctor', '-o', 'json', '--timeout', '1s', '--data', disk.path)
  const faults = (JSON.parse(stdout) as { fault?: string }[]).flatMap(({ fault }) => fault ?? [])
  assert.deepEqual(faults.slice(0, 1), ['disk-full'])
})

test('doctor finds a Node that is too old', () => {
  assert.equal(checkNode('20.19.4').fault, 'node-old')
  assert.equal(checkNode('24.0.0').state, 'ok')
})

test('doctor prints a line for each check, and the remedy below a fault', async t => {
  const { ztm, daemons } = await openPatient(t)
  await daemons[Symbol.asyncDispose]()
  const { code, stdout } = await ztm('doctor')
  assert.equal(code, 5)
  assert.match(stdout, /^ok {6} state folder: /m)
  assert.match(stdout, /^failed {3}agent: Cannot reach the agent of .*\n {9}start it: `ztm start agent`/m)
  assert.match(stdout, /checks: 1 fault, 0 warnings\n$/)
})
