import { randomUUID } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { parseUsageBody } from '../core/billing/usage.ts'

/** One usage that was charged. */
export interface ChargedUsage {
  readonly key: string
  readonly user: string
  readonly service: string
  readonly sessionId: string
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly durationMs: number
  readonly amountMicros: number
}

/** Accounts and what was charged to them, in a SQLite file. Amounts are in units unless a name says otherwise. */
export interface CommerceBooks extends Disposable {
  /** What the balance route answers. */
  balance(user: string, service: string): object
  /** Set an account. */
  set(user: string, account: { balance: number; holds?: number; minimum?: number }): void
  /** Charge a usage, once for each key. @throws MeshError `bad-input` for a body that is none */
  record(user: string, key: string, body: unknown): { isReplay: boolean; transaction: object }
  /** All that was charged, in order. */
  charged(): ChargedUsage[]
}

/** Open the books, or make them. */
export function openCommerceBooks(
  file: string,
  prices: { perGigabyte: number; perSession: number },
): CommerceBooks {
  const database = new DatabaseSync(file)
  database.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS account (user TEXT PRIMARY KEY, micros INTEGER, holds INTEGER, minimum INTEGER) STRICT;
    CREATE TABLE IF NOT EXISTS usage (
      key TEXT PRIMARY KEY, user TEXT, service TEXT, sessionId TEXT, bytesSent INTEGER, bytesReceived INTEGER,
      durationMs INTEGER, amountMicros INTEGER, answer TEXT
    ) STRICT;`)
  const find = database.prepare('SELECT micros, holds, minimum FROM account WHERE user = ?')
  const open = database.prepare('INSERT OR IGNORE INTO account VALUES (?, 10000000, 0, 0)')
  const accountOf = (user: string) => {
    open.run(user)
    return find.get(user) as { micros: number; holds: number; minimum: number }
  }

  return {
    balance(user, service) {
      const { micros, holds, minimum } = accountOf(user)
      return {
        user,
        service,
        currency: 'usd',
        balance: micros / UNIT,
        holds: holds / UNIT,
        available: Math.max(0, micros - holds) / UNIT,
        minimum: minimum / UNIT,
      }
    },
    set(user, { balance, holds = 0, minimum = 0 }) {
      const amounts = [balance, holds, minimum].map(amount => Math.round(amount * UNIT))
      database.prepare('INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?)').run(user, ...amounts)
    },
    record(user, key, body) {
      const known = database.prepare('SELECT answer FROM usage WHERE key = ?').get(key)
      if (known !== undefined) return { isReplay: true, transaction: JSON.parse(String(known.answer)) }
      const { service, sessionId, bytesSent, bytesReceived, durationMs, metadata } = parseUsageBody(body)
      const traffic = ((bytesSent + bytesReceived) / 1e9) * prices.perGigabyte
      // Of a long stream the first part pays for the dial.
      const dial = (metadata?.part ?? '0') === '0' ? prices.perSession : 0
      const amountMicros = Math.round((traffic + dial) * UNIT)
      accountOf(user)
      const transaction = {
        transactionId: randomUUID(),
        user,
        amount: Math.round(amountMicros / 10_000),
        amountMicros,
        currency: 'usd',
        type: 'withdraw',
      }
      database.exec('BEGIN IMMEDIATE')
      try {
        database.prepare('UPDATE account SET micros = micros - ? WHERE user = ?').run(amountMicros, user)
        database
          .prepare('INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
          .run(
            key,
            user,
            service,
            sessionId,
            bytesSent,
            bytesReceived,
            durationMs,
            amountMicros,
            JSON.stringify(transaction),
          )
        database.exec('COMMIT')
      } catch (error) {
        database.exec('ROLLBACK')
        throw error
      }
      return { isReplay: false, transaction }
    },
    charged() {
      const rows = database
        .prepare(
          'SELECT key, user, service, sessionId, bytesSent, bytesReceived, durationMs, amountMicros FROM usage ORDER BY rowid',
        )
        .all()
      return rows.map(row => ({ ...row })) as unknown as ChargedUsage[]
    },
    [Symbol.dispose]: () => database.close(),
  }
}

const UNIT = 1_000_000
