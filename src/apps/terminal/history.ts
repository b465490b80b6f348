import type { Json } from '../../core/model/store.ts'
import type { Host, ProgramEnd } from '../../sdk/app.ts'
import { type HistoryEntry, historyEntryShape } from './messages.ts'
import type { Session } from './session.ts'

/** Who had which session, what ran in it, how long, and how it ended: kept for the owner of the endpoint alone. */
export interface History {
  /** Sessions, the last first. */
  list(): Promise<HistoryEntry[]>
  begin(session: Session): void
  end(session: Session, end: ProgramEnd): void
  /** Resolves when all is kept. */
  whenKept(): Promise<void>
}

/** @param maxCount  older ones are forgotten */
export function createHistory(host: Host, maxCount: number): History {
  const begun = new Map<string, HistoryEntry>()
  let work: Promise<void> = Promise.resolve()

  function keep(entry: HistoryEntry, isNew: boolean): void {
    work = work
      .then(async () => {
        await host.storage.put(keyOf(entry), entry as Json)
        if (!isNew) return
        const entries = await host.storage.list(PREFIX)
        for (const { key } of entries.slice(0, Math.max(0, entries.length - maxCount))) {
          await host.storage.delete(key)
        }
      })
      .catch((error: unknown) => host.log.warn('terminal.history-failed', { reason: String(error) }))
  }

  return {
    async list() {
      await work
      const entries = (await host.storage.list(PREFIX)).flatMap(({ value }) => {
        const parsed = historyEntryShape.safeParse(value)
        return parsed.success ? [parsed.data] : []
      })
      return entries.reverse()
    },
    begin(session) {
      const { id, user, peer, account, command, hasTerminal } = session.options
      const entry: HistoryEntry = {
        session: id,
        user,
        endpoint: peer,
        hasTerminal,
        startedAtMs: session.startedAtMs,
        ...(account !== undefined && { account }),
        ...(command && { command: command.join(' ').slice(0, MAX_COMMAND) }),
      }
      begun.set(id, entry)
      keep(entry, true)
    },
    end(session, end) {
      const entry = begun.get(session.id)
      if (entry === undefined) return
      begun.delete(session.id)
      const durationMs = Math.max(0, host.clock.now() - session.startedAtMs)
      keep({ ...entry, durationMs, end, outputBytes: session.outputBytes }, false)
    },
    whenKept: () => work,
  }
}

function keyOf({ startedAtMs, session }: HistoryEntry): string {
  return `${PREFIX}${String(Math.floor(startedAtMs)).padStart(15, '0')}-${session}`
}

const PREFIX = 'history/'
const MAX_COMMAND = 500
