import { createInterface } from 'node:readline'
import type { Cli } from '../context.ts'

/**
 * Ask whoever sits at the terminal.
 *
 * @returns whether the answer was yes; undefined where nobody sits there
 */
export async function askYesNo(cli: Cli, question: string): Promise<boolean | undefined> {
  const console = cli.world.console()
  if (!console.isTerminal) return undefined
  // Somebody thinks about it: that is no time of ours.
  cli.deadlineMs = undefined
  const lines = createInterface({ input: console.input })
  try {
    cli.world.stderr.write(`${question} [y/N] `)
    const { promise, resolve } = Promise.withResolvers<string>()
    lines.once('line', resolve)
    lines.once('close', () => resolve(''))
    return /^y(?:es)?$/i.test((await promise).trim())
  } finally {
    lines.close()
  }
}
