import type { Duplex } from 'node:stream'
import { MeshError, parseErrorBody, toMeshError } from '../../core/model/errors.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'
import { PATH_KINDS } from '../../core/path/path-kind.ts'
import type { DialOptions, Host, KnownPath } from '../../sdk/app.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { exitServiceOf, type PassageMessage, passageAnswerShape } from './exit-messages.ts'
import type { EntryRule } from './messages.ts'

/** A way out that was opened: the bytes of the connection, and whose endpoint they leave. */
export interface WayOut {
  readonly stream: Duplex
  readonly exit: { readonly id: string; readonly user: UserName }
}

/** Opens ways out by the exits of rules. */
export interface WaysOut {
  /**
   * Open a way out by the exits of a rule; without any, by this user's own. Another user's is never taken unasked: whoever hosts
   * one could read what leaves by it.
   *
   * The one with the best path is asked first: the closest, then the fastest; of those to which no path is known, in the order of
   * the rule. An exit that is away, or cannot reach the target, leaves it to the next; one that refuses has the last word.
   *
   * @throws MeshError the exit's, or `not-found` where there is no exit, `offline` …
   */
  open(rule: Pick<EntryRule, 'exits'>, passage: PassageMessage): Promise<WayOut>
  /** Open sessions to the exits of rules, so that the first connection waits for none, and paths are known. */
  prepare(rules: readonly Pick<EntryRule, 'exits' | 'action'>[]): void
}

/** Make them. */
export function createWaysOut(host: Host): WaysOut {
  const { user } = host.endpoint
  /** Endpoints of this user that are exits, as far as is known. */
  let own: readonly EndpointId[] = []
  let askedAtMs = Number.NEGATIVE_INFINITY
  const preparedAtMs = new Map<string, number>()

  /** Beside the connection that wants to know: it must not wait. */
  function askForOwn(): void {
    const now = host.clock.now()
    if (Math.abs(now - askedAtMs) < ASK_MS) return
    askedAtMs = now
    host.services().then(
      services => {
        const service = services.find(({ name, owner }) => name === exitServiceOf(user) && owner === user)
        own = service?.hostings.flatMap(({ endpoint, isOnline }) => (isOnline ? [endpoint] : [])) ?? []
      },
      () => {},
    )
  }

  function prepareOne(exit: Exit): void {
    if (host.pathTo(exit.id) !== undefined) return
    const now = host.clock.now()
    if (Math.abs(now - (preparedAtMs.get(exit.id) ?? Number.NEGATIVE_INFINITY)) < ASK_MS) return
    if (preparedAtMs.size > MAX_PREPARED) preparedAtMs.clear()
    preparedAtMs.set(exit.id, now)
    host.prepare(exitServiceOf(exit.user), { owner: exit.user, exits: [exit.id] })
  }

  function waysBy(exits: readonly Exit[]): Way[] {
    const order = exits.map(exit => ({ exit, rank: rankOf(host.pathTo(exit.id)) }))
    order.sort((a, b) => a.rank.kind - b.rank.kind || a.rank.roundTripMs - b.rank.roundTripMs)
    // A path that is not known may be the best; the next connection will know.
    if (exits.length > 1) exits.forEach(prepareOne)
    return order.map(({ exit }) => ({
      service: exitServiceOf(exit.user),
      options: { owner: exit.user, exits: [exit.id] },
    }))
  }

  return {
    async open({ exits }, passage) {
      const isOwn = exits.length === 0
      if (isOwn) askForOwn()
      const ways = waysBy(isOwn ? own.map(id => ({ id, user })) : exits)
      // Also one that has become an exit just now, or of which no hub can tell.
      if (isOwn) ways.push({ service: exitServiceOf(user), options: { owner: user } })
      let lastError: MeshError | undefined
      for (const way of ways) {
        try {
          return await openOne(host, way, passage)
        } catch (thrown) {
          const error = toMeshError(thrown)
          if (!MAY_WORK_ELSEWHERE.has(error.code)) throw error
          lastError = error
        }
      }
      if (lastError !== undefined && !(isOwn && lastError.code === 'not-found')) throw lastError
      throw new MeshError(
        'not-found',
        'Cannot leave the mesh: no endpoint of yours lets you out: make one an exit (`ztm ep NAME proxy config --exit on`), or name one in a rule',
      )
    },
    prepare(rules) {
      const exits = rules.flatMap(rule => (rule.action === 'exit' ? rule.exits : []))
      exits.slice(0, MAX_PREPARED).forEach(prepareOne)
      askForOwn()
      const mayBeOwn =
        rules.length === 0 || rules.some(rule => rule.action === 'exit' && rule.exits.length === 0)
      try {
        if (mayBeOwn) host.prepare(exitServiceOf(user), { owner: user })
      } catch {
        // A name too long for a service: that is said when somebody wants to leave.
      }
    },
  }
}

type Exit = Pick<EntryRule['exits'][number], 'id' | 'user'>

interface Way {
  readonly service: ServiceName
  readonly options: DialOptions
}

/** The lower, the better. */
function rankOf(path: KnownPath | undefined): { kind: number; roundTripMs: number } {
  const kinds = ['local', ...PATH_KINDS]
  const roundTripMs = path?.roundTripMs ?? UNKNOWN_ROUND_TRIP_MS
  return { kind: path === undefined ? kinds.length : kinds.indexOf(path.kind), roundTripMs }
}

async function openOne(host: Host, { service, options }: Way, passage: PassageMessage): Promise<WayOut> {
  const dialing = host.dial(service, options)
  dialing.write(encodeSmallMessage(passage))
  const { stream, endpoint, owner } = await dialing.opened
  stream.on('error', () => {})
  try {
    const answer = await readSmallMessage(stream, passageAnswerShape)
    if (answer.isOpen) return { stream, exit: { id: endpoint, user: owner } }
    throw (
      parseErrorBody(answer.error) ??
      new MeshError('bad-message', 'Cannot connect: the exit refused without a reason')
    )
  } catch (error) {
    stream.destroy()
    throw error
  }
}

/** What another exit may do better. */
const MAY_WORK_ELSEWHERE: ReadonlySet<string> = new Set([
  'offline',
  'unreachable',
  'timed-out',
  'too-many',
  'link-closed',
  'not-found',
])

/** How often own exits are asked for, and an exit without a path is tried. */
const ASK_MS = 30_000
const MAX_PREPARED = 64
const UNKNOWN_ROUND_TRIP_MS = 60_000
