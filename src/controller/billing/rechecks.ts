import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'
import type { Context } from '../context.ts'
import type { Balances } from './balances.ts'

/** Users who may have a service open now, whose balance is asked for again and again. */
export interface Rechecks {
  /** A user was given a session, or a stream of theirs was heard of. @throws MeshError `too-many` */
  note(user: UserName, service: ServiceName): void
  /** Ask for the balance of everybody. Never throws. */
  run(): Promise<void>
  readonly count: number
  /** Whose balance of what is asked for. */
  watched(): Iterable<{ readonly user: UserName; readonly service: ServiceName }>
}

interface OpenSessions {
  readonly user: UserName
  readonly service: ServiceName
  heardAtMs: number
  failures: number
}

/**
 * Make it with nobody.
 *
 * @param options.keepMs  how long somebody is asked about who is not heard of
 * @param options.onBroke  the balance is gone, or Commerce could not be asked for long
 */
export function createRechecks(
  { clock, log }: Pick<Context, 'clock' | 'log'>,
  options: {
    balances: Balances
    payerOf: (user: UserName) => string
    keepMs: number
    onBroke: (user: UserName, service: ServiceName, error: MeshError) => void
  },
): Rechecks {
  const sessions = new Map<string, OpenSessions>()

  async function ask(key: string, one: OpenSessions): Promise<void> {
    const { user, service } = one
    try {
      await options.balances.require(options.payerOf(user), service, { isFresh: true })
      one.failures = 0
    } catch (thrown) {
      const error = toMeshError(thrown)
      one.failures += 1
      const isBroke = error.code === 'insufficient-balance'
      log.warn(isBroke ? 'balance.gone' : 'balance.not-known', { user, service, reason: error.message })
      if (!isBroke && one.failures < MAX_FAILURES) return
      sessions.delete(key)
      options.onBroke(user, service, error)
    }
  }

  return {
    note(user, service) {
      const key = JSON.stringify([user, service])
      const known = sessions.get(key)
      if (known !== undefined) {
        known.heardAtMs = clock.now()
        return
      }
      if (sessions.size >= MAX_BILLED_SESSIONS) {
        throw new MeshError(
          'too-many',
          `Cannot dial "${service}": the balances of ${sessions.size} users and services are watched already`,
        )
      }
      sessions.set(key, { user, service, heardAtMs: clock.now(), failures: 0 })
    },
    async run() {
      const now = clock.now()
      for (const [key, { heardAtMs }] of sessions) if (now - heardAtMs > options.keepMs) sessions.delete(key)
      // A few at a time: those that wait for a connection would be taken for not answered.
      const waiting = [...sessions].values()
      const worker = async () => {
        for (const [key, one] of waiting) await ask(key, one)
      }
      await Promise.all(Array.from({ length: PARALLEL_COUNT }, worker))
    },
    get count() {
      return sessions.size
    },
    watched: () => sessions.values(),
  }
}

/** Balances that are asked for at one time. */
const PARALLEL_COUNT = 8
/** So many times in a row Commerce may fail to say a balance before streams are ended. */
const MAX_FAILURES = 3
/** Users with services of which the balance is watched. */
export const MAX_BILLED_SESSIONS = 20_000
