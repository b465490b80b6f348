import type { Duplex } from 'node:stream'
import { toMeshError } from '../../core/model/errors.ts'
import { parseServiceName, type ServiceName, type UserName } from '../../core/model/names.ts'
import type { Host } from '../../sdk/app.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import type { TerminalLimits } from './limits.ts'
import { localRequestShape, MAX_REQUEST_BYTES, type TerminalAnswer } from './messages.ts'

/** Serve a stream of this computer's user: pass the request on to its endpoint, and all that follows in both directions. */
export async function passOn(host: Host, limits: TerminalLimits, stream: Duplex): Promise<void> {
  stream.on('error', () => {})
  const cancelHello = host.after(limits.helloTimeoutMs, () => stream.destroy())
  try {
    const { endpoint, request } = await readSmallMessage(stream, localRequestShape, MAX_REQUEST_BYTES)
    cancelHello()
    const isHere = endpoint === host.endpoint.id || endpoint === host.endpoint.name
    const { id, user } = isHere ? host.endpoint : await host.findEndpoint(endpoint)
    const dialing = host.dial(terminalServiceOf(user), { owner: user, exits: [id] })
    dialing.write(encodeSmallMessage(request))
    const far = (await dialing.opened).stream
    far.on('error', () => {})
    if (request.kind === 'forward') {
      carry(stream, far)
      return
    }
    stream.once('close', () => far.destroyed || far.destroy())
    // What is typed no more is said by a frame: an end is that of the program that asked.
    stream.once('end', () => stream.destroy())
    far.once('close', () => {
      // A break must not look like an end: the client then comes back.
      if (far.readableEnded) stream.end()
      else stream.destroy()
    })
    stream.pipe(far, { end: false })
    far.pipe(stream, { end: false })
  } catch (thrown) {
    cancelHello()
    const answer: TerminalAnswer = { isGood: false, error: toMeshError(thrown).toBody() }
    if (!stream.destroyed) stream.end(encodeSmallMessage(answer))
  }
}

/** The bytes of a connection: an end is passed on as an end, a break as a break. */
function carry(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.once('close', () => {
      if (!from.readableEnded || !from.writableFinished) to.destroy()
    })
    from.pipe(to)
  }
}

/** The service by which endpoints of a user give terminals. @throws MeshError `bad-name` for a user name over 54 characters */
export function terminalServiceOf(user: UserName): ServiceName {
  return parseServiceName(`tcp/.terminal.${user}`)
}
