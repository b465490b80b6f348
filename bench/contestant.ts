import net from 'node:net'

/** Something that carries TCP connections from a port on loopback to a target. */
export interface Contestant {
  readonly name: string
  /** What runs, in one line for the report. */
  readonly shape: string
  /**
   * Start afresh, with state of its own.
   *
   * @param targetPorts  on loopback; the first speaks the protocol of target.ts
   */
  start(targetPorts: readonly number[]): Promise<Started>
  /** End everything that `start` began. May be called after a failed start. */
  stop(): Promise<void>
  /** Role -> process whose tree has that role. */
  pids(): Readonly<Record<string, number>>
}

/** A contestant that carries connections now. */
export interface Started {
  /** For each target the port that leads to it. */
  readonly ports: readonly number[]
  /** Of a mesh: from the start of the `join` command to the first byte through a tunnel, ms. */
  readonly usableMs?: number
  /** Of that, until the last command had returned, ms. */
  readonly commandsMs?: number
}

/**
 * Try until a byte comes back through `port`.
 *
 * @throws Error if none does within `timeoutMs`
 */
export async function untilEchoes(port: number, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!(await echoesOnce(port))) {
    if (performance.now() > deadlineMs)
      throw new Error(`nothing came back through port ${port} within ${timeoutMs} ms`)
    await new Promise(resolve => setTimeout(resolve, RETRY_MS))
  }
}

function echoesOnce(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write('e'))
    socket.setTimeout(TRY_TIMEOUT_MS, () => socket.destroy())
    socket.once('data', () => {
      resolve(true)
      socket.end()
    })
    socket.once('error', () => {})
    socket.once('close', () => resolve(false))
  })
}

const RETRY_MS = 10
const TRY_TIMEOUT_MS = 1_000
