import type { ScriptEndMessage } from '../../apps/script/messages.ts'
import type { MeshError } from '../../core/model/errors.ts'
import { createOutputKeeper, type RunOutput } from './run-output.ts'
import type { openScriptLine, ScriptLine, SentScript } from './script-line.ts'

/** Where a script is run. */
export interface RunPlace {
  readonly id: string
  readonly name: string
}

/** A script at one endpoint: it waits for its turn, is on its way, runs, has ended, or could not be run. */
export type PlaceState =
  | { readonly is: 'waiting' | 'starting' | 'running' }
  | { readonly is: 'over'; readonly end: ScriptEndMessage }
  | { readonly is: 'failed'; readonly error: MeshError }

/** How a script goes at one endpoint. */
export interface PlaceRun extends RunPlace {
  readonly state: PlaceState
  readonly output: RunOutput
  /** Between its beginning and its end, or now. */
  readonly durationMs: number
  /** What keeps it in, once it runs. */
  readonly walls?: 'kernel' | 'node' | undefined
}

/** A script that was run at several endpoints at once. */
export interface ScriptRuns {
  /** How it goes, in the order of the endpoints. */
  read(): readonly PlaceRun[]
  /** Tell it to end, at one endpoint or everywhere. What has not begun does not. */
  stop(id?: string): void
  /** End everything; nothing more is told. */
  close(): void
}

interface Entry {
  readonly place: RunPlace
  readonly keeper: ReturnType<typeof createOutputKeeper>
  state: PlaceState
  line?: ScriptLine
  startedAtMs?: number
  endedAtMs?: number
  walls?: 'kernel' | 'node'
}

/**
 * Run a script at endpoints, `MAX_AT_ONCE` of them at one time.
 *
 * @param onChange  something is to be read
 */
export function startRuns(
  script: SentScript & { readonly mesh: string },
  places: readonly RunPlace[],
  world: { readonly open: typeof openScriptLine; readonly now: () => number; readonly onChange: () => void },
): ScriptRuns {
  const { open, now, onChange } = world
  const entries: Entry[] = places.map(place => ({
    place,
    keeper: createOutputKeeper(),
    state: { is: 'waiting' },
  }))
  let isClosed = false
  const end = (entry: Entry, state: PlaceState) => {
    entry.state = state
    entry.endedAtMs = now()
    next()
    onChange()
  }
  const begin = (entry: Entry) => {
    entry.state = { is: 'starting' }
    entry.startedAtMs = now()
    entry.line = open({ mesh: script.mesh, endpoint: entry.place.id }, script, {
      onStart(_, walls) {
        entry.state = { is: 'running' }
        entry.walls = walls
        onChange()
      },
      onWrite(kind, bytes) {
        entry.keeper.push(kind, bytes)
        onChange()
      },
      onEnd: how => end(entry, { is: 'over', end: how }),
      onFail: error => end(entry, { is: 'failed', error }),
    })
  }
  function next(): void {
    if (isClosed) return
    const goingCount = entries.filter(({ state: { is } }) => is === 'starting' || is === 'running').length
    const waiting = entries.filter(({ state: { is } }) => is === 'waiting')
    for (const entry of waiting.slice(0, Math.max(0, MAX_AT_ONCE - goingCount))) begin(entry)
  }
  next()
  return {
    read: () =>
      entries.map(({ place, keeper, state, startedAtMs, endedAtMs, walls }) => ({
        ...place,
        state,
        walls,
        output: keeper.read(),
        durationMs: startedAtMs === undefined ? 0 : Math.max(0, (endedAtMs ?? now()) - startedAtMs),
      })),
    stop(id) {
      const meant = entries.filter(({ place }) => id === undefined || place.id === id)
      // Before those that run: the end of one lets the next begin.
      for (const entry of meant)
        if (entry.state.is === 'waiting') end(entry, { is: 'over', end: { killed: 'stopped' } })
      for (const entry of meant) {
        if (entry.state.is === 'running') entry.line?.stop()
        if (entry.state.is !== 'starting') continue
        entry.line?.close()
        end(entry, { is: 'over', end: { killed: 'stopped' } })
      }
    },
    close() {
      isClosed = true
      for (const { line } of entries) line?.close()
    },
  }
}

/** Whether any of it may still change. */
export function isGoing(runs: readonly PlaceRun[]): boolean {
  return runs.some(({ state: { is } }) => is === 'waiting' || is === 'starting' || is === 'running')
}

/** Whether it did what it should: exit code 0. */
export function isGood({ state }: Pick<PlaceRun, 'state'>): boolean {
  return state.is === 'over' && 'code' in state.end && state.end.code === 0
}

/** Endpoints that run one script of a page at one time; a browser has so many connections. */
export const MAX_AT_ONCE = 32
