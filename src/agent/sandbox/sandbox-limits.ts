/** What a sandboxed process may take. */
export interface SandboxLimits {
  /** Resident memory, in MiB: over it the process is killed. Its JavaScript heap has three quarters of it. */
  readonly memoryMb: number
  /** Share of one core over `SANDBOX_LIMITS.cpuWindowMs`; over it the process is killed. No limit if absent. */
  readonly cpuPercent?: number | undefined
  /** It is killed after so long. No limit if absent. */
  readonly runMs?: number | undefined
  /** It is killed if it does not answer the agent for so long. No limit if absent. */
  readonly silenceMs?: number | undefined
}

/** Why the agent killed a process: which rule. `told` is none: it did not end by itself when it was told to. */
export type KillReason = 'memory' | 'cpu' | 'silence' | 'time' | 'protocol' | 'told'

/** What holds for every sandboxed process. */
export const SANDBOX_LIMITS = {
  /** Memory of an app, in MiB, where nothing is said. */
  memoryMb: 128,
  /** An app that does not answer for so long is stuck. */
  silenceMs: 10_000,
  /** How often the agent asks whether it is there. */
  pingMs: 2_000,
  /** How often its memory and processor time are looked at. */
  watchMs: 500,
  /** The share of a core is measured over so long. */
  cpuWindowMs: 60_000,
  maxOpenFiles: 256,
  /** Messages a second that the agent takes of one process; the rest waits in its pipe. */
  messagesPerSecond: 2_000,
  messageBurst: 4_000,
  /** Time to load and to start. */
  startMs: 30_000,
  /** Time to end by itself when it is told to. */
  stopMs: 3_000,
  /** Of one grant: the system has no more room for the command line. */
  maxPaths: 64,
} as const

/** What Node takes of address space beside its heap: stacks of threads, code, tables; in MiB. */
export const DATA_SLACK_MB = 640
