import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RecordedRun, RecordedWorldOptions } from '../recorded-world.ts'
import type { FaultName, Finding } from './faults.ts'

/** One fault that a test brings about, and what the doctor must say: the cause first, nothing that is not so. */
export interface Seed<P> {
  readonly name: string
  readonly seed: (patient: P, t: TestContext) => unknown
  readonly faults: readonly FaultName[]
  /** More words for `ztm doctor`. */
  readonly words?: readonly string[]
  readonly world?: Partial<RecordedWorldOptions>
  readonly skip?: string | false
}

/** What `ztm doctor` found. */
export interface Diagnosis {
  readonly code: number
  readonly faults: readonly FaultName[]
  readonly findings: readonly Finding[]
}

type Ztm = (...words: string[]) => Promise<RecordedRun>

/** Run the doctor, with little patience. */
export async function examine(ztm: Ztm, ...words: string[]): Promise<Diagnosis> {
  const { stdout, stderr, code } = await ztm('doctor', '-o', 'json', '--timeout', '2s', ...words)
  assert.equal(stderr, '')
  const all: Finding[] = JSON.parse(stdout)
  const findings = all.filter(({ fault }) => fault === undefined || !OF_THE_COMPUTER.has(fault))
  return { code, faults: findings.flatMap(({ fault }) => fault ?? []), findings }
}

/** Make a test of each seed. @param open  gives a patient on whom all is well */
export function testSeeds<P extends { readonly ztm: Ztm }>(
  seeds: readonly Seed<P>[],
  open: (t: TestContext, world: Partial<RecordedWorldOptions>) => Promise<P>,
): void {
  for (const { name, seed, faults, words = [], world = {}, skip = false } of seeds) {
    test(`doctor names ${name}`, { skip }, async t => {
      const patient = await open(t, world)
      await seed(patient, t)
      const found = await examine(patient.ztm, ...words)
      assert.deepEqual(found.faults, faults)
      assert.equal(found.code === 0, !found.findings.some(({ state }) => state === 'failed'))
      for (const { fault, remedy = '' } of found.findings) {
        if (fault !== undefined) assert.doesNotMatch(remedy, /^$|\{\w+\}/)
      }
    })
  }
}

/** What may be so on any computer that runs the tests: an agent of its own, a small disk. */
const OF_THE_COMPUTER: ReadonlySet<FaultName> = new Set([
  'web-port-taken',
  'hub-port-taken',
  'files-limit-low',
  'disk-low',
])
