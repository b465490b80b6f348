import type { Command } from 'commander'

/** Give a command examples, printed below its help. A test runs each as far as it can be parsed. */
export function addExamples(command: Command, ...examples: readonly string[]): void {
  command.addHelpText('after', `\nExamples:\n${examples.map(example => `  $ ${example}\n`).join('')}`)
}
