import { chmodSync, writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { openClinic } from '../../testing/clinic.ts'
import { openLab, type RecordedWorldOptions } from '../recorded-world.ts'
import { type Seed, testSeeds } from './seed.ts'

async function openPatient(t: TestContext, world: Partial<RecordedWorldOptions>) {
  const lab = await openLab(t, folder => openClinic(t, folder), world)
  const { permitText } = lab.daemons
  const writePermit = (change: object = {}) =>
    writeFileSync(lab.folder.file('p.json'), permitText(change), { mode: 0o600 })
  return { ...lab, ...lab.daemons, writePermit }
}

type Patient = Awaited<ReturnType<typeof openPatient>>

// The hub of a test is on this computer, so every whole permit is one for this computer alone.
const SEEDS: readonly Seed<Patient>[] = [
  { name: 'a permit that is not there', seed: () => {}, faults: ['permit-missing'], words: ['-p', 'p.json'] },
  {
    name: 'a permit others can read',
    seed: ({ writePermit, folder }) => {
      writePermit()
      chmodSync(folder.file('p.json'), 0o644)
    },
    faults: ['permit-open', 'permit-local'],
    words: ['-p', 'p.json'],
  },
  {
    name: 'a permit that is cut short',
    seed: ({ folder }) => writeFileSync(folder.file('p.json'), '{"ca": "---', { mode: 0o600 }),
    faults: ['permit-broken'],
    words: ['-p', 'p.json'],
  },
  {
    name: 'a permit with a CA that is none',
    seed: ({ writePermit }) => writePermit({ ca: '-----BEGIN CERTIFICATE-----' }),
    faults: ['permit-broken'],
    words: ['-p', 'p.json'],
  },
  {
    name: 'a permit that ended',
    seed: ({ writePermit }) => writePermit({ expiresAtMs: 1 }),
    faults: ['permit-ended', 'permit-local'],
    words: ['-p', 'p.json'],
  },
  {
    name: 'a permit of another mesh',
    seed: ({ writePermit, foreign }) => writePermit({ ca: foreign.rootCertificatePem }),
    faults: ['permit-local', 'permit-other-mesh', 'other-mesh'],
    words: ['-p', 'p.json'],
  },
  {
    name: 'a link that is cut short',
    seed: () => {},
    faults: ['permit-broken'],
    words: ['-p', 'ztm://h:1/x'],
  },
]

testSeeds(SEEDS, openPatient)
