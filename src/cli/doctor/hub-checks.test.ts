import dns from 'node:dns/promises'
import { writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import {
  fakeAnswer,
  freedPort,
  issue,
  openClinic,
  serveMute,
  serveTcp,
  silentPort,
} from '../../testing/clinic.ts'
import { FAKE_IDS } from '../../testing/fake-answers.ts'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import { openLab, type RecordedWorldOptions } from '../recorded-world.ts'
import type { FaultName } from './faults.ts'
import { type Seed, testSeeds } from './seed.ts'

const DAY = 86_400_000

async function openPatient(t: TestContext, world: Partial<RecordedWorldOptions>) {
  const lab = await openLab(t, folder => openClinic(t, folder), world)
  return { ...lab, ...lab.daemons }
}

type Patient = Awaited<ReturnType<typeof openPatient>>

/** The folder of a hub that is up, and what it says of itself. */
const hubStatus =
  (change: object) =>
  async ({ folder }: Patient, t: TestContext) => {
    writeFileSync(folder.file('data/ztm-hub.db'), '', { mode: 0o600 })
    const hub = await startFakeDaemons(folder.file('data'), ['hub'])
    t.after(() => hub[Symbol.asyncDispose]())
    const certificateExpiresAtMs = Date.now() + DAY
    hub.answer('hub.showStatus', () => ({
      ...fakeAnswer('hub.showStatus'),
      certificateExpiresAtMs,
      ...change,
    }))
  }

const offline = (code: string) => ({ state: 'offline', error: { code, message: `Cannot connect: ${code}` } })

// A computer without a name server cannot know that there is no such name; then that is the fault.
const unknownName: FaultName = await dns.lookup('nothing.invalid').then(
  () => 'port-refused' as const,
  error => (error.code === 'ENOTFOUND' ? ('name-unknown' as const) : ('names-unanswered' as const)),
)

const SEEDS: readonly Seed<Patient>[] = [
  {
    name: 'a hub that is down',
    seed: ({ folder }) => writeFileSync(folder.file('data/ztm-hub.db'), '', { mode: 0o600 }),
    faults: ['hub-down'],
  },
  {
    name: 'a hub that hangs',
    seed: async ({ folder }, t) => {
      writeFileSync(folder.file('data/ztm-hub.db'), '', { mode: 0o600 })
      await serveMute(t, folder.file('data/hub.sock'))
    },
    faults: ['hub-stuck'],
  },
  {
    name: 'a hub whose name means this computer alone',
    seed: hubStatus({ names: ['localhost:8888'] }),
    faults: ['hub-name-local'],
  },
  {
    name: 'a hub with another port in its name',
    seed: hubStatus({ names: ['hub.example:443'] }),
    faults: ['hub-port-differs'],
  },
  {
    name: 'a hub whose own certificate ended',
    seed: hubStatus({ certificateExpiresAtMs: 1 }),
    faults: ['hub-certificate-late'],
  },
  {
    name: 'a hub name that does not exist',
    seed: ({ setMesh }) => setMesh({ bootstraps: ['nothing.invalid:1'], ...offline('unreachable') }),
    faults: [unknownName],
  },
  {
    name: 'a hub port nobody listens on',
    seed: async ({ setMesh }) => setMesh({ bootstraps: [await freedPort()], ...offline('unreachable') }),
    faults: ['port-refused'],
  },
  {
    name: 'a hub port that swallows everything',
    seed: async ({ setMesh }, t) => setMesh({ bootstraps: [await silentPort(t)], ...offline('timed-out') }),
    faults: ['port-silent'],
    skip: process.platform !== 'linux' && 'other systems refuse when a queue is full',
  },
  {
    name: 'another program on the hub port',
    seed: async ({ setMesh }, t) =>
      setMesh({ bootstraps: [await serveTcp(t, socket => socket.end('SSH-2.0-x\r\n'))] }),
    faults: ['not-tls'],
  },
  {
    name: 'a hub that is stopped',
    seed: async ({ setMesh }, t) => setMesh({ bootstraps: [await serveTcp(t, () => {})] }),
    faults: ['handshake-silent'],
  },
  {
    name: 'a hub of another mesh',
    seed: async ({ setHub, foreign }) => setHub(await issue(foreign, `hub/${FAKE_IDS.hub}`)),
    faults: ['other-mesh'],
  },
  {
    name: 'an endpoint posing as a hub',
    seed: async ({ setHub, ours }) => setHub(await issue(ours, `user/eve/endpoint/${FAKE_IDS.office}`)),
    faults: ['not-a-hub'],
  },
  {
    name: 'a hub certificate that ended',
    seed: async ({ setHub, ours }) => setHub(await issue(ours, `hub/${FAKE_IDS.hub}`, Date.now() - 5 * DAY)),
    faults: ['hub-certificate-ended'],
  },
  {
    name: 'a hub that takes requests and never answers',
    seed: ({ setHub }) => setHub({ isMute: true }),
    faults: ['hub-mute'],
  },
  {
    name: 'a clock that is behind',
    seed: ({ setHub }) => setHub({ now: () => Date.now() + 600_000 }),
    faults: ['clock-behind'],
  },
  {
    name: 'a clock that is ahead',
    seed: ({ setHub }) => setHub({ now: () => Date.now() - 600_000 }),
    faults: ['clock-ahead'],
  },
  {
    name: 'a clock that drifts',
    seed: ({ setHub }) => setHub({ now: () => Date.now() - 60_000 }),
    faults: ['clock-drifting'],
  },
  {
    name: 'a clock so wrong that certificates look ended',
    seed: ({ setMesh }) => setMesh(offline('certificate-expired')),
    faults: ['clock-ahead', 'own-certificate-ended'],
    world: { nowMs: Date.now() + 30 * DAY },
  },
  {
    name: 'a clock that was never set',
    seed: ({ setMesh }) => setMesh({}),
    faults: ['clock-unset', 'clock-behind'],
    world: { nowMs: 1_000_000_000 },
  },

  {
    name: 'a hub address that is none',
    seed: ({ setMesh }) => setMesh({ bootstraps: ['nonsense'], ...offline('unreachable') }),
    faults: ['name-unknown'],
  },
]

testSeeds(SEEDS, openPatient)
