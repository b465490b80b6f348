import { spawn } from 'node:child_process'
import { constants, homedir, userInfo } from 'node:os'
import { PassThrough, Writable } from 'node:stream'
import type { IPty } from '@lydell/node-pty'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import { fromNodeError } from '../net/node-error.ts'
import type { Program, ProgramEnd, RunningProgram, TerminalSize } from '../sdk/app.ts'
import { type Account, environmentOf, folderOf, resolveAccount, runAsCommand } from './run-as.ts'

/**
 * Run a program with the rights of this process or of another account, in a terminal or with pipes.
 *
 * @throws MeshError `not-found`, `not-permitted`, `denied`, `bad-input`; `unsupported` where this machine has no terminals to
 *   give, or cannot run programs as others
 */
export async function runProgram(program: Program): Promise<RunningProgram> {
  const account = await resolveAccount(program.account, program.isNeverRoot ?? false)
  const { command = account === undefined ? loginShell() : [account.shell, '-l'], terminal } = program
  const [file = '', ...args] = command
  if (command.some(word => word.includes('\0')) || file === '') {
    throw new MeshError('bad-input', 'Cannot run program: its command is empty, or has a NUL')
  }
  if (account !== undefined) return runAs(account, [file, ...args], program)
  const place = { cwd: program.folder ?? homedir(), env: { ...process.env, ...program.env } }
  return terminal === undefined
    ? runWithPipes(file, args, place)
    : runInTerminal(file, args, { ...place, terminal })
}

async function runAs(
  account: Account,
  command: readonly string[],
  { folder, env, terminal }: Program,
): Promise<RunningProgram> {
  const [file = '', ...args] = runAsCommand(account, command, terminal !== undefined)
  const place = { cwd: folder ?? (await folderOf(account)), env: environmentOf(account, env) }
  return terminal === undefined
    ? runWithPipes(file, args, place)
    : runInTerminal(file, args, { ...place, terminal })
}

interface Place {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

async function runWithPipes(file: string, args: readonly string[], place: Place): Promise<RunningProgram> {
  const child = spawn(file, args, {
    ...place,
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
    detached: process.platform !== 'win32',
  })
  const ended = new Promise<ProgramEnd>(resolve =>
    child.once('exit', (code, signal) => resolve(signal === null ? { code: code ?? 0 } : { signal })),
  )
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', error => reject(explain(error, file)))
  })
  child.on('error', () => {})
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {})
  const id = child.pid ?? 0
  return {
    id,
    input: child.stdin,
    output: child.stdout,
    errors: child.stderr,
    ended,
    resize() {},
    signal: name => kill(id, name),
  }
}

async function runInTerminal(
  file: string,
  args: readonly string[],
  { cwd, env, terminal }: Place & { terminal: TerminalSize },
): Promise<RunningProgram> {
  const { spawn: spawnTerminal } = await loadTerminals()
  let pty: IPty
  try {
    const name = env.TERM ?? 'xterm-256color'
    const size = { cols: terminal.columns, rows: terminal.rows }
    // Bytes, not text: a character may be cut in two.
    pty = spawnTerminal(file, [...args], { name, ...size, cwd, env: { ...env, TERM: name }, encoding: null })
  } catch (error) {
    throw explain(error, file)
  }
  const output = new PassThrough({ highWaterMark: 65_536 })
  pty.onData(data => {
    // Whatever its type says, it is bytes without an encoding.
    if (!output.write(data as unknown as Uint8Array)) pty.pause()
  })
  output.on('drain', () => pty.resume())
  const ended = new Promise<ProgramEnd>(resolve =>
    pty.onExit(({ exitCode, signal }) => {
      output.end()
      resolve(signal ? { signal: signalName(signal) } : { code: exitCode })
    }),
  )
  const input = new Writable({
    write(chunk: Buffer, _, done) {
      pty.write(chunk as unknown as string)
      done()
    },
  })
  input.on('error', () => {})
  return {
    id: pty.pid,
    input,
    output,
    errors: undefined,
    ended,
    resize: ({ columns, rows }) => pty.resize(columns, rows),
    signal: name => kill(pty.pid, name),
  }
}

async function loadTerminals(): Promise<typeof import('@lydell/node-pty')> {
  try {
    return await import('@lydell/node-pty')
  } catch (cause) {
    throw new MeshError(
      'unsupported',
      'Cannot open terminal: there is none for this kind of machine: run a command without one (-T)',
      { cause },
    )
  }
}

/** The program's whole group: what it started must not stay behind. */
function kill(id: number, name: NodeJS.Signals): void {
  for (const target of [-id, id]) {
    try {
      process.kill(target, name)
      return
    } catch {
      // It led no group, or is gone.
    }
  }
}

function loginShell(): string[] {
  if (process.platform === 'win32') return [process.env.COMSPEC ?? 'cmd.exe']
  return [userInfo().shell ?? '/bin/sh', '-l']
}

function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? String(number)
}

function explain(error: unknown, file: string): MeshError {
  if ((error as { code?: unknown }).code === 'ENOENT') {
    return new MeshError(
      'not-found',
      `Cannot run ${quote(file)}: there is no such program, or no such folder`,
      { cause: error },
    )
  }
  return fromNodeError(error, `Cannot run ${quote(file)}`)
}
