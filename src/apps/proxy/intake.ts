import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { TcpConnection } from '../../sdk/app.ts'
import { createRateLimitedLog } from '../../sdk/for-apps/rate-limited-log.ts'
import { untilReadable } from '../../sdk/for-apps/read-exactly.ts'
import { compileEntryRules, type EntryRules, type Wish } from './entry-rules.ts'
import { receiveHttp } from './http-intake.ts'
import type { IntakeContext, Outside } from './intake-context.ts'
import type { EntryRule } from './messages.ts'
import { receiveSocks } from './socks-intake.ts'

/** Takes what clients send: SOCKS and HTTP on one port, told apart by their first byte. */
export interface Intake {
  rules: readonly EntryRule[]
  readonly connectionCount: number
  readonly totalCount: number
  readonly failedCount: number
  readonly lastError: string | undefined
  receive(connection: TcpConnection): void
  ruleFor: IntakeContext['ruleFor']
  open: IntakeContext['open']
  /** Break all connections. */
  reset(): void
}

/** Make the intake of one mesh's proxy. */
export function createIntake(
  options: Pick<IntakeContext, 'host' | 'limits' | 'clients' | 'pac' | 'listenHost' | 'waysOut'>,
): Intake {
  const { host, limits } = options
  const connections = new Set<TcpConnection>()
  const warn = createRateLimitedLog(host, 'proxy.failed', limits.logIntervalMs)
  let rules: readonly EntryRule[] = []
  let compiled: EntryRules = compileEntryRules([])
  let [totalCount, failedCount] = [0, 0]
  let lastError: string | undefined

  function ruleFor(wish: Wish): Pick<EntryRule, 'action' | 'exits'> {
    const found = compiled.find(wish)
    if (found?.rule.action !== 'deny') return found?.rule ?? OWN_EXIT
    throw new MeshError(
      'denied',
      `Cannot connect to ${wish.host}: rule ${found.index} of the proxy denies it`,
    )
  }

  async function open(wish: Wish): Promise<Outside> {
    const rule = ruleFor(wish)
    const { host: name, port } = wish
    if (rule.action === 'direct') {
      const connection = await host.connectTcp(
        { kind: 'address', host: name, port },
        { timeoutMs: limits.connectTimeoutMs },
      )
      return { kind: 'own', connection }
    }
    const { stream } = await options.waysOut.open(rule, { protocol: 'tcp', host: name, port })
    return { kind: 'mesh', stream }
  }

  const context: IntakeContext = { ...options, sockets: { count: 0 }, ruleFor, open }

  async function take(connection: TcpConnection): Promise<void> {
    const cancelHello = host.after(limits.helloTimeoutMs, () => connection.reset())
    const heard = () => cancelHello()
    try {
      const first = await peek(connection)
      if (first === undefined) return
      await (first === SOCKS_VERSION ? receiveSocks : receiveHttp)(connection, context, heard)
    } catch (thrown) {
      const error = toMeshError(thrown)
      failedCount += 1
      lastError = error.message
      warn(error.code, { code: error.code, reason: error.message })
      if (!connection.destroyed) connection.destroy()
    } finally {
      cancelHello()
    }
  }

  return {
    get rules() {
      return rules
    },
    set rules(next) {
      rules = next
      compiled = compileEntryRules(next)
    },
    get connectionCount() {
      return connections.size
    },
    get totalCount() {
      return totalCount
    },
    get failedCount() {
      return failedCount
    },
    get lastError() {
      return lastError
    },
    receive(connection) {
      totalCount += 1
      if (connections.size >= limits.maxConnections) {
        failedCount += 1
        lastError = `Cannot take connection: ${limits.maxConnections} are open: close some`
        connection.reset()
        return
      }
      connections.add(connection)
      connection.on('error', () => {})
      connection.once('close', () => connections.delete(connection))
      void take(connection)
    },
    ruleFor,
    open,
    reset() {
      for (const connection of connections) connection.reset()
    },
  }
}

/** The first byte of a connection, which stays in it; undefined if it ends without one. */
async function peek(connection: TcpConnection): Promise<number | undefined> {
  for (;;) {
    const chunk: Buffer | null = connection.read()
    if (chunk !== null && chunk.length > 0) {
      connection.unshift(chunk)
      return chunk[0]
    }
    if (connection.readableEnded || connection.destroyed) {
      connection.destroy()
      return undefined
    }
    await untilReadable(connection)
  }
}

const SOCKS_VERSION = 5
const OWN_EXIT: Pick<EntryRule, 'action' | 'exits'> = { action: 'exit', exits: [] }
