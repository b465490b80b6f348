import type { Cli } from '../context.ts'

/** How a word is meant. */
export type Tone = 'good' | 'bad' | 'warning' | 'quiet'

/** Colours a text for a terminal, or leaves it. */
export type Paint = (tone: Tone, text: string) => string

/** Leaves every text as it is. */
export function plain(_tone: Tone, text: string): string {
  return text
}

/** Colours, unless standard output is no terminal, or `--no-color`, `NO_COLOR` or a dumb terminal forbid them. */
export function painter({ world, options }: Cli): Paint {
  const isColored =
    options.color && world.stdout.isTerminal && !world.env.NO_COLOR && world.env.TERM !== 'dumb'
  return isColored ? (tone, text) => `\u001b[${CODES[tone]}m${text}\u001b[0m` : plain
}

const CODES = { good: 32, bad: 31, warning: 33, quiet: 2 } as const satisfies Record<Tone, number>
