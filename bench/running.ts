import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNginx } from '../src/testing/programs.ts'
import type { Contestant, Started } from './contestant.ts'
import { allContestants } from './contestants/all.ts'
import { startTarget } from './loads.ts'

/** A contestant that runs, and the ports that lead to a target (target.ts), to an nginx and to another target. */
export interface Rival {
  readonly name: string
  readonly port: number
  readonly httpPort: number
  readonly echoPort: number
}

/**
 * Start those contestants that `only` names, comma separated (all if absent), side by side, and run `measure` with them. One that does
 * not start is left out, and why is printed.
 */
export async function withRivals(
  only: string | undefined,
  measure: (rivals: readonly Rival[]) => Promise<void>,
): Promise<void> {
  const wanted = only?.split(',')
  const chosen = allContestants(process.env.ZTM_PEER).filter(({ name }) => wanted?.includes(name) ?? true)
  const folder = await mkdtemp(join(tmpdir(), 'ztm-bench-'))
  await using target = await startTarget()
  await using echo = await startTarget()
  await using nginx = await startNginx(folder)
  try {
    const rivals: Rival[] = []
    for (const contestant of chosen) {
      const started = await startOrTell(contestant, [target.port, nginx.port, echo.port])
      const [port, httpPort, echoPort] = started?.ports ?? []
      if (port !== undefined && httpPort !== undefined && echoPort !== undefined)
        rivals.push({ name: contestant.name, port, httpPort, echoPort })
    }
    await measure(rivals)
  } finally {
    for (const contestant of chosen) await contestant.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function startOrTell(contestant: Contestant, ports: readonly number[]): Promise<Started | undefined> {
  try {
    return await contestant.start(ports)
  } catch (error) {
    console.error(`bench: ${contestant.name} takes no part: ${firstLine(error)}`)
    return undefined
  }
}

/** Values by what they are of, in the order in which they came first. */
export class Notes<T> {
  readonly #values = new Map<string, T[]>()

  /** Measure and keep the value; a failure is printed and leaves a gap. */
  async take(what: string, measure: () => Promise<T>): Promise<void> {
    try {
      const value = await measure()
      console.error(`bench: ${what}: ${JSON.stringify(value)}`)
      this.#values.set(what, [...this.of(what), value])
    } catch (error) {
      console.error(`bench: ${what}: ${firstLine(error)}`)
    }
  }

  of(what: string): readonly T[] {
    return this.#values.get(what) ?? []
  }
}

/** Print a report, and keep it as `bench/out/NAME.md`. */
export async function publish(name: string, report: string): Promise<void> {
  console.log(`\n${report}`)
  const out = join(import.meta.dirname, 'out')
  await mkdir(out, { recursive: true })
  await writeFile(join(out, `${name}.md`), `${report}\n`)
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? ''
}
