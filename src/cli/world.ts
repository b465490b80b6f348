import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../core/model/time.ts'
import type { Machine } from './daemon/machine.ts'
import type { RunTool } from './daemon/run-tool.ts'
import type { GatewayNeeds, RunAgentOptions, RunGatewayOptions, RunHubOptions } from './run-options.ts'

/** A stream to print on. */
export interface Output {
  write(text: string): void
  /** A person looks at it: colours, QR codes and hints are welcome. */
  readonly isTerminal: boolean
}

/** Standard input and output as bytes. */
export interface Console {
  readonly input: Readable
  readonly output: Writable
  readonly errors: Writable
  /** Both are a terminal. */
  readonly isTerminal: boolean
  size(): { readonly columns: number; readonly rows: number }
  /** Every key comes as it is typed, Ctrl-C too. */
  setRaw(isRaw: boolean): void
  /** @returns a function that ends the listening */
  onResize(listener: () => void): () => void
}

/** Everything the command line finds around it. `bin/ztm.ts` gives the real one, tests their own. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly homeFolder: string
  /** What relative paths on the command line are relative to. */
  readonly workFolder: string
  readonly platform: NodeJS.Platform
  readonly stdout: Output
  readonly stderr: Output
  readonly clock: Clock
  /** Everything that comes on standard input. @throws MeshError `too-large` over `maxBytes` */
  readStdin(maxBytes: number): Promise<string>
  /** The keyboard and screen, or whatever standard input and output are, as bytes. */
  console(): Console
  /** Ctrl-C from now on fires the signal instead of ending the process. */
  catchInterrupt(): AbortSignal
  /** The command line that runs this program, for a service's unit: `[node, script]` or `[executable]`. */
  readonly program: readonly string[]
  /** The computer and its tools, for services. */
  readonly system: {
    machine(): Promise<Machine>
    readonly run: RunTool
    /** Put before every path that is written for a service: `/`, or a test's folder. */
    readonly root: string
  }
  /** Run a hub until it is told to stop. @returns the exit code */
  runHub(options: RunHubOptions): Promise<number>
  /** Run an agent until it is told to stop. @returns the exit code */
  runAgent(options: RunAgentOptions): Promise<number>
  /** Run a gateway until it is told to stop. @returns the exit code */
  runGateway(options: RunGatewayOptions): Promise<number>
  /** What a gateway with this configuration needs of the computer. @throws MeshError `bad-input`, `not-found` */
  inspectGateway(configFile: string): Promise<GatewayNeeds>
}
