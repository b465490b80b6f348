import type { UsageReceipt } from '../controller/billing/usage-book.ts'
import type { ControllerLimits } from '../controller/limits.ts'
import type { ServiceName } from '../core/model/names.ts'
import { createCommerceClient } from '../net/commerce-client.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { type CommerceServer, startCommerceServer } from './commerce-server.ts'
import { type ControllerRig, type Member, openControllerRig } from './controller-rig.ts'
import { createManualTimers, type ManualTimers } from './manual-timers.ts'
import { makeScratchFolder } from './scratch-folder.ts'

/** A controller that bills at a reference Commerce server: alice hosts `tcp/web` for everybody, bob dials. */
export interface BillingRig extends AsyncDisposable {
  readonly rig: ControllerRig
  readonly server: CommerceServer
  readonly timers: ManualTimers
  readonly alice: Member
  readonly bob: Member
  /** Bob asks for a session. @returns its id */
  dial(service?: string): Promise<string>
  /** Report what one end of a stream of bob's counted. @returns the receipt */
  report(
    end: 'dialler' | 'host',
    session: string,
    count: Partial<Count>,
    from?: Member,
  ): Promise<UsageReceipt | undefined>
  /** What was charged: key, bytes sent, bytes received. */
  charged(): [string, number, number][]
  /** End the controller, with connections to Commerce, and open another on the same store. */
  reopen(): Promise<void>
}

interface Count {
  stream: string
  service: string
  bytesSent: number
  bytesReceived: number
  durationMs: number
  isFinal: boolean
}

/** The service of the rig. */
export const BILLED_SERVICE = 'tcp/web' as ServiceName

/**
 * Make a rig. Balances are asked for again each 60 s, the second end of a stream is waited for 30 s.
 *
 * @param timeoutMs  of requests to Commerce
 */
export async function openBillingRig(
  limits: Partial<ControllerLimits> = {},
  timeoutMs = 10_000,
): Promise<BillingRig> {
  const folder = makeScratchFolder()
  const server = await startCommerceServer({ file: folder.file('commerce.db') })
  const timers = createManualTimers()
  const store = await openSqliteStore(folder.file('hub.db'))
  const rig = await openControllerRig({
    store,
    clock: timers.clock,
    limits,
    get billing() {
      const options = { url: server.url, token: async () => 'mesh-token', timeoutMs }
      return {
        commerce: createCommerceClient(options),
        recheckMs: 60_000,
        after: timers.after,
        random: () => 1,
      }
    },
  })
  const [alice, bob] = [await rig.joinAs('alice', 'one'), await rig.joinAs('bob', 'two')]
  await rig.ask('host', alice.caller, {
    params: { service: BILLED_SERVICE },
    body: { access: { users: ['*'] }, health: 'up' },
  })
  return {
    rig,
    server,
    timers,
    alice,
    bob,
    async dial(service = BILLED_SERVICE) {
      const { metering } = await rig.ask('openSession', bob.caller, { body: { service } })
      return metering?.session ?? ''
    },
    async report(end, session, count, from = end === 'host' ? alice : bob) {
      const { receipts } = await rig.ask('reportUsage', from.caller, {
        body: {
          reports: [
            {
              session,
              stream: 'a',
              service: BILLED_SERVICE,
              end,
              dialler: { user: bob.user, endpoint: bob.id },
              bytesSent: 0,
              bytesReceived: 0,
              durationMs: 0,
              isFinal: true,
              ...count,
            },
          ],
        },
      })
      return receipts[0]
    },
    charged: () =>
      server.books
        .charged()
        .map(({ key, bytesSent, bytesReceived }) => [
          key.slice(key.indexOf('.') + 1),
          bytesSent,
          bytesReceived,
        ]),
    reopen: () => rig.reopen(),
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}
