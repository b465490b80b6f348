import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { findJail, type Jail } from '../agent/sandbox/jail.ts'
import { type Sandbox, type SandboxEnd, type SandboxOptions, startSandbox } from '../agent/sandbox/sandbox.ts'
import { findSandboxProgram } from '../agent/sandbox/sandbox-program.ts'
import type { Json } from '../core/model/store.ts'
import { ms } from '../core/model/time.ts'

/** Our half of a sandboxed process. */
export const SANDBOX_PROGRAM = findSandboxProgram()

/** A place to run hostile programs in. */
export interface SandboxLab extends AsyncDisposable {
  /** The walls of the kernel, or, where this computer has none, those of Node. */
  readonly jail: Jail
  readonly codeFolder: string
  readonly dataFolder: string
  /** What would be a secret of the agent: a file beside the two folders. */
  readonly secretFile: string
  /** Write a program. @param name  with its ending, which says the language */
  write(name: string, source: string): Promise<string>
  /** Start a program. */
  start(source: string, options?: LabOptions): Promise<Sandbox>
  /** Run a program to its end. */
  run(source: string, options?: LabOptions): Promise<Ran>
}

/** How a program is run. */
export interface LabOptions extends Partial<Omit<SandboxOptions, 'jail'>> {
  /** With the walls of Node alone, so that each of them is seen to hold by itself. */
  readonly isBare?: boolean
  /** Ending of the file; `mts` if absent. */
  readonly ending?: string
  readonly input?: string
}

/** What a program did. */
export interface Ran {
  readonly end: SandboxEnd
  readonly output: string
  readonly errors: string
  readonly calls: readonly { readonly op: string; readonly args: Json }[]
}

/** Make a lab. */
export async function createSandboxLab(): Promise<SandboxLab> {
  const root = await mkdtemp(join(tmpdir(), 'ztm-sandbox-'))
  const [codeFolder, dataFolder, secretFile] = ['code', 'data', 'secret'].map(name => join(root, name)) as [
    string,
    string,
    string,
  ]
  for (const folder of [codeFolder, dataFolder]) await mkdir(folder, { mode: 0o755 })
  await writeFile(secretFile, SECRET)
  const jail = await findJail(process.execPath)
  let count = 0
  const write: SandboxLab['write'] = async (name, source) => {
    const path = join(codeFolder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, source)
    return path
  }
  const start = async (source: string, options: LabOptions = {}, calls: Ran['calls'][number][] = []) => {
    const { isBare, ending = 'mts', ...rest } = options
    return startSandbox({
      jail: isBare === true ? BARE_JAIL : jail,
      program: SANDBOX_PROGRAM,
      role: 'script',
      entry: await write(`program-${++count}.${ending}`, source),
      args: [],
      readable: [codeFolder],
      writable: [dataFolder],
      folder: dataFolder,
      limits: { memoryMb: 128, runMs: 60_000 },
      facts: {},
      onCall: async (op, args) => {
        calls.push({ op, args })
        return null
      },
      onTell: (op, args) => calls.push({ op, args }),
      clock: { now: () => ms(Date.now()) },
      ...rest,
    })
  }
  return {
    jail,
    codeFolder,
    dataFolder,
    secretFile,
    write,
    start,
    async run(source, options = {}) {
      const calls: Ran['calls'][number][] = []
      await using sandbox = await start(source, options, calls)
      sandbox.input.end(options.input ?? '')
      const said = Promise.all([text(sandbox.output), text(sandbox.errors)])
      const end = await sandbox.ended
      const [output, errors] = await said
      return { end, output, errors, calls }
    },
    async [Symbol.asyncDispose]() {
      await jail[Symbol.asyncDispose]()
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** What is in the secret file. */
export const SECRET = 'the agent keeps its token here'

/** With the walls of Node alone. */
export const BARE_JAIL: Jail = {
  walls: 'node',
  stranger: undefined,
  enclose: command => command,
  async [Symbol.asyncDispose]() {},
}
