import { CommanderError } from 'commander'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import { formatSpan } from '../core/model/time.ts'
import { COMMANDS } from './command-table.ts'
import { type Cli, createCli, DEFAULT_TIMEOUT_MS } from './context.ts'
import { visible } from './output/text-width.ts'
import { buildProgram, type Program } from './program.ts'
import { usageError } from './usage-error.ts'
import type { World } from './world.ts'

/**
 * Run one command line to its end. Results go to standard output, errors to standard error; nothing is thrown.
 *
 * @param typed  the words after `ztm`
 * @returns the exit code: 0, or that of the error's code
 */
export async function runCli(typed: readonly string[], world: World): Promise<number> {
  const cli = createCli(world, COMMANDS)
  let program: Program | undefined
  try {
    program = await buildProgram(typed, cli)
    await parse(program, cli)
    return cli.exitCode
  } catch (thrown) {
    return end(thrown, cli, program)
  }
}

/** The parse runs the command, within its time: one that waits for what never comes ends all the same. */
async function parse({ root, words }: Program, cli: Cli): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const overdue = new Promise<never>((_, reject) => {
    root.hook('preAction', (_, command) => {
      const timeoutMs = cli.options.timeout ?? DEFAULT_TIMEOUT_MS
      cli.deadlineMs = cli.world.clock.now() + timeoutMs
      const look = () => {
        // The command may have changed it: given itself more time, or gone on until Ctrl-C.
        if (cli.deadlineMs === undefined) return
        const leftMs = cli.deadlineMs - cli.world.clock.now()
        if (leftMs > 0) timer = setTimeout(look, leftMs + GRACE_MS)
        else reject(late(command.name(), timeoutMs))
      }
      timer = setTimeout(look, timeoutMs + GRACE_MS)
    })
  })
  try {
    await Promise.race([root.parseAsync([...words], { from: 'user' }), overdue])
  } finally {
    clearTimeout(timer)
  }
}

function late(command: string, timeoutMs: number): MeshError {
  const state = `not done within ${formatSpan(timeoutMs)}: see \`ztm doctor\`, or give a longer --timeout`
  return new MeshError('timed-out', `Cannot finish "${command}": ${state}`)
}

function end(thrown: unknown, cli: Cli, program: Program | undefined): number {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return 0
    // A command that needs a word more: its help is on standard error already.
    if (thrown.code === 'commander.help') return USAGE_EXIT
  }
  const error = thrown instanceof CommanderError ? usageError(thrown, program) : toMeshError(thrown)
  printError(error, cli)
  return error.kind.exit
}

function printError(error: MeshError, { world, options }: Cli): void {
  if (options.output === 'json') world.stderr.write(`${JSON.stringify(error.toBody())}\n`)
  else world.stderr.write(`ztm: ${visible(error.message)}\n`)
  if (world.env.ZTM_DEBUG) world.stderr.write(`${describeCauses(error)}\n`)
}

function describeCauses(error: Error): string {
  const { stack = error.message, cause } = error
  return cause instanceof Error ? `${stack}\ncaused by ${describeCauses(cause)}` : stack
}

/** A call that is late by itself says better what it waited for. */
const GRACE_MS = 250
const USAGE_EXIT = 2
