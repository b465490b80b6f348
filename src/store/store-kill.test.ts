// State safety: a store survives `kill -9` at any moment. 1,000 processes write and are killed; after each kill the
// store must hold exactly what some number of changes, from the first on, leave behind, and at least those that were
// acknowledged. To repeat a run: `KILL_SEED=… node --test src/store/store-kill.test.ts`.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'

import { buildSync } from 'esbuild'

import type { Entry, Json } from '../core/model/store.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { chanceAt, changeAt, MAX_IN_FLIGHT } from '../testing/store-changes.ts'
import { openSqliteStore } from './sqlite-store.ts'

it('a store loses and halves nothing acknowledged when its process is killed 1,000 times', async t => {
  const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`KILL_SEED=${seed}`)
  using folder = makeScratchFolder()
  const script = bundle(folder.file('store-writer.mjs'))
  const lanes = Array.from(
    { length: LANES },
    (_, index) => new Lane(folder.file(`${index}.db`), seed + index),
  )
  let left = KILLS
  const work = lanes.map(async lane => {
    while (left > 0) {
      left -= 1
      await lane.round(script).catch(thrown => {
        left = 0
        throw thrown
      })
    }
  })
  // The folder may go only when every lane has come to its end.
  await Promise.allSettled(work)
  await Promise.all(work)
  const sum = (count: (lane: Lane) => number) => lanes.reduce((total, lane) => total + count(lane), 0)
  const counts = { kills: sum(l => l.kills), changes: sum(l => l.changes), unspoken: sum(l => l.unspoken) }
  t.diagnostic(
    `${counts.kills} kills, ${counts.changes} changes, ${counts.unspoken} kills after a silent commit`,
  )
  assert.equal(counts.kills, KILLS)
  // If no kill ever fell between a commit and its acknowledgement, the moments were not random enough to mean much.
  assert.ok(counts.unspoken > 0)
})

/** One store, and the map that it must be equal to. */
class Lane {
  readonly #file: string
  readonly #seed: number
  readonly #model = new Map<string, Json>()
  kills = 0
  changes = 0
  unspoken = 0

  constructor(file: string, seed: number) {
    this.#file = file
    this.#seed = seed
  }

  async round(script: string): Promise<void> {
    const said = await this.#writeUntilKilled(script)
    this.kills += 1
    const acknowledged = said === undefined ? this.changes : said + 1
    while (this.changes < acknowledged) this.#apply()
    const entries = await readAll(this.#file)
    while (!this.#isEqualTo(entries)) {
      if (this.changes - acknowledged > MAX_IN_FLIGHT) {
        assert.deepEqual(new Map(entries.map(({ key, value }) => [key, value])), this.#model)
      }
      this.#apply()
    }
    if (this.changes > acknowledged) this.unspoken += 1
    assertRevisionsGrow(entries)
  }

  /** @returns the number of the last change that the writer acknowledged */
  async #writeUntilKilled(script: string): Promise<number | undefined> {
    const chance = (nth: number) => chanceAt(~this.#seed, this.kills * 3 + nth) / 2 ** 32
    // One kill in six falls around the opening, the others after up to 60 acknowledgements.
    const linesUntilKill = chance(0) < 1 / 6 ? 1 : 2 + Math.floor(chance(1) * 60)
    const args = [script, this.#file, String(this.#seed), String(this.changes)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const closed = once(child, 'close')
    let text = ''
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      if (!child.killed && countLines(text) >= linesUntilKill) killWithin(chance(2) * 2, child)
    })
    const [, signal] = await closed
    assert.equal(signal, 'SIGKILL', `the writer ended by itself: ${text.slice(-200)}`)
    const last = text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1)
    return last !== undefined && /^\d+$/.test(last) ? Number(last) : undefined
  }

  #apply(): void {
    const { key, value } = changeAt(this.#seed, this.changes)
    if (value === undefined) this.#model.delete(key)
    else this.#model.set(key, value)
    this.changes += 1
  }

  #isEqualTo(entries: readonly Entry[]): boolean {
    return (
      entries.length === this.#model.size &&
      entries.every(({ key, value }) => isDeepStrictEqual(value, this.#model.get(key)))
    )
  }
}

/** To the microsecond: a timer would always fall on the same moments of a transaction, which takes less than 1 ms. */
function killWithin(delayMs: number, child: ChildProcess): void {
  const at = performance.now() + delayMs
  while (performance.now() < at);
  child.kill('SIGKILL')
}

/** The later change has the higher revision, over all processes that wrote: what counts them was never halved. */
function assertRevisionsGrow(entries: readonly Entry[]): void {
  const numbered = entries.map(({ value, revision }) => ({ ...(value as { index: number }), revision }))
  const inOrder = numbered.toSorted((a, b) => a.index - b.index).map(({ revision }) => revision)
  assert.deepEqual(
    inOrder,
    [...new Set(inOrder)].sort((a, b) => a - b),
  )
}

async function readAll(file: string): Promise<Entry[]> {
  await using store = await openSqliteStore(file)
  const db = new DatabaseSync(file)
  assert.equal(db.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok')
  db.close()
  return store.list('')
}

function countLines(text: string): number {
  return text.split('\n').length - 1
}

/** One plain file instead of ten TypeScript ones: a start takes 30 ms, not 80. */
function bundle(outfile: string): string {
  const entry = fileURLToPath(new URL('../testing/store-writer.ts', import.meta.url))
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  })
  return outfile
}

const KILLS = 1_000
const LANES = 3
