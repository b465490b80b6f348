import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** What to do to a port; each load reads what concerns it. */
export interface LoadOptions {
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Of a bulk, over all streams. Default 1 GB. */
  readonly bytes?: number
  readonly streamCount?: number
  readonly direction?: 'send' | 'receive'
  /** Connections or round trips to make, at most. */
  readonly count?: number
  /** Begin no more after this time. */
  readonly maxSeconds?: number
  /** Connections at any time. */
  readonly atOnce?: number
}

/** A finished bulk. */
export interface BulkResult {
  /** From the first byte sent until the receiver had the last. */
  readonly seconds: number
  /** What arrived. */
  readonly bytes: number
  /** Processor time of the generator itself meanwhile. */
  readonly cpuSeconds: number
}

/** Many short connections. */
export interface ConnectionsResult {
  readonly perSecond: number
  readonly wholeP50Ms: number
  readonly wholeP99Ms: number
  readonly firstByteP50Ms: number
  readonly firstByteP99Ms: number
  readonly failureCount: number
}

/** Round trips on an open connection. */
export interface EchoResult {
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Streams that ran beside each other for `maxSeconds`; for each, in the same order: */
export interface FairResult {
  /** What the receiver got. */
  readonly bytes: readonly number[]
  /** The longest time without a byte, from the start to the end. */
  readonly silencesMs: readonly number[]
}

/** Single bytes, each sent 20 ms after the last one came back. */
export interface KeystrokesResult {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
  /** How many came back. */
  readonly count: number
}

/** Connections that were held. */
export interface HoldResult {
  readonly heldCount: number
  readonly failureCount: number
}

interface Loads {
  readonly bulk: BulkResult
  readonly connections: ConnectionsResult
  readonly echoes: EchoResult
  readonly fair: FairResult
  readonly keystrokes: KeystrokesResult
}

/** Run a load in a process of its own. @param prefix  of its command, to run it on a computer of a network lab @throws Error with what it printed if it fails */
export async function runLoad<Kind extends keyof Loads>(
  kind: Kind,
  options: LoadOptions,
  prefix: readonly string[] = [],
): Promise<Loads[Kind]> {
  const [command = '', ...args] = [...prefix, process.execPath, LOAD, kind, JSON.stringify(options)]
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 120_000,
    killSignal: 'SIGKILL',
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`load ${kind} ended with ${code}: ${text}`)
  return JSON.parse(text) as Loads[Kind]
}

/** Connections that stay open until `release`. */
export interface Held {
  readonly count: number
  /** Close them; resolves when all are closed on this side. */
  release(): Promise<void>
}

/** Open `count` connections and keep them. */
export async function holdConnections(port: number, count: number): Promise<Held> {
  const child = spawn(process.execPath, [LOAD, 'hold', JSON.stringify({ port, count })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const gone = once(child, 'close')
  const line = await firstLine(child)
  return {
    count: Number(line.split(' ')[1]),
    async release() {
      child.stdin.end()
      await gone
    },
  }
}

/** The far side that echoes, counts and sends; see target.ts. */
export interface Target extends AsyncDisposable {
  readonly port: number
  readonly child: ChildProcess
}

/** Start the far side in a process of its own. @param prefix  as of `runLoad`; it listens on all addresses then */
export async function startTarget(prefix: readonly string[] = []): Promise<Target> {
  const host = prefix.length > 0 ? ['0.0.0.0'] : []
  const [command = '', ...args] = [...prefix, process.execPath, TARGET, ...host]
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const gone = once(child, 'close')
  return {
    port: Number(await firstLine(child)),
    child,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await gone
    },
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('child has no stdout')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error(`${child.spawnargs.join(' ')} ended without a word`)
}

const TARGET = join(import.meta.dirname, 'target.ts')
const LOAD = join(import.meta.dirname, 'load.ts')
