import type { Host, ProgramEnd } from '../../sdk/app.ts'
import { createJournal } from '../../sdk/for-apps/journal.ts'
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
  const journal = createJournal<HistoryEntry>({
    host,
    shape: historyEntryShape,
    keyOf: ({ startedAtMs, session }) => ({ atMs: startedAtMs, id: session }),
    maxCount,
  })
  return {
    list: () => journal.list(),
    begin: session => journal.keep(describe(session)),
    end(session, end) {
      const durationMs = Math.max(0, host.clock.now() - session.startedAtMs)
      journal.keep({ ...describe(session), durationMs, end, outputBytes: session.outputBytes })
    },
    whenKept: () => journal.whenKept(),
  }
}

function describe(session: Session): HistoryEntry {
  const { id, user, peer, account, command, hasTerminal } = session.options
  return {
    session: id,
    user,
    endpoint: peer,
    hasTerminal,
    startedAtMs: session.startedAtMs,
    ...(account !== undefined && { account }),
    ...(command && { command: command.join(' ').slice(0, MAX_COMMAND) }),
  }
}

const MAX_COMMAND = 500
