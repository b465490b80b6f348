import type { Duplex } from 'node:stream'
import { MeshError, parseErrorBody, toMeshError } from '../../core/model/errors.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'
import type { DialOptions, Host } from '../../sdk/app.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { exitServiceOf, type PassageMessage, passageAnswerShape } from './exit-messages.ts'
import type { EntryRule } from './messages.ts'

/** A way out that was opened: the bytes of the connection, and whose endpoint they leave. */
export interface WayOut {
  readonly stream: Duplex
  readonly exit: { readonly id: string; readonly user: UserName }
}

/**
 * Open a way out by the exits of a rule, in their order; without any, by this user's own. Another user's is never taken
 * unasked: whoever hosts one could read what leaves by it.
 *
 * An exit that is away, or cannot reach the target, leaves it to the next; one that refuses has the last word.
 *
 * @throws MeshError the exit's, or `not-found` where there is no exit, `offline` …
 */
export async function openWayOut(
  host: Host,
  { exits }: Pick<EntryRule, 'exits'>,
  passage: PassageMessage,
): Promise<WayOut> {
  const ways: readonly Way[] =
    exits.length > 0
      ? exits.map(
          ({ id, user }): Way => ({ service: exitServiceOf(user), options: { owner: user, exits: [id] } }),
        )
      : [{ service: exitServiceOf(host.endpoint.user), options: { owner: host.endpoint.user } }]
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
  const isNone = exits.length === 0 && lastError?.code === 'not-found'
  if (lastError !== undefined && !isNone) throw lastError
  throw new MeshError(
    'not-found',
    'Cannot leave the mesh: no endpoint of yours lets you out: make one an exit (`ztm ep NAME proxy config --exit on`), or name one in a rule',
  )
}

interface Way {
  readonly service: ServiceName
  readonly options: DialOptions
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
