import { Command } from 'commander'
import type { Cli, CommandEntry } from './context.ts'
import { addGlobalOptions } from './global-options.ts'
import { VERSION } from './version.ts'

/** The root command with its global options and no commands. */
export function createRoot(cli: Cli): Command {
  const root = new Command('ztm')
  root
    .description('A zero-trust mesh: joins any computers, behind any firewall, into a private network')
    .usage('[mesh MESH | ep [MESH/]ENDPOINT] COMMAND …')
    .version(`ztm ${VERSION}`, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .addHelpCommand(
      new Command('help').argument('[command...]').summary('Show help on a command').helpGroup(SELF),
    )
    .configureOutput({
      writeOut: text => cli.world.stdout.write(text),
      writeErr: text => cli.world.stderr.write(text),
      // The error is thrown too, and printed in one form with all others.
      outputError: () => {},
    })
    .exitOverride()
    .addHelpText('after', HELP_END)
    .addHelpText('afterAll', ({ command }) => (command === root ? '' : GLOBAL_HINT))
  addGlobalOptions(root)
  return root
}

/** Add a command by name and summary alone. */
export function addStub(root: Command, entry: CommandEntry): Command {
  return root
    .command(entry.name, { hidden: entry.isHidden === true })
    .aliases([...(entry.aliases ?? [])])
    .helpGroup(entry.group)
    .summary(entry.summary)
    .description(entry.summary)
}

/** Whether the word names the command. */
export function isNamed(entry: CommandEntry, word: string | undefined): boolean {
  return word !== undefined && (entry.name === word || entry.aliases?.includes(word) === true)
}

/** Heading of what is about `ztm` itself. */
export const SELF = 'This program:'

const GLOBAL_HINT = `
Options of all commands (--data, --mesh, --ep, -o, --timeout, -q, --no-color): see \`ztm help\``

const HELP_END = `
Before any command, \`mesh MESH\` and \`ep [MESH/]ENDPOINT\` say what it is about, as --mesh and --ep do after it:
  $ ztm mesh home get ep
  $ ztm ep laptop tunnel get inbound

\`ztm help COMMAND\` shows a command's options and examples; \`ztm COMMAND --help\` does the same.
Exit codes: 0 done, 2 usage, 3 not found, 4 denied, 5 unreachable, 6 conflict, 7 timed out, 8 identity, 9 limit,
10 trouble on this computer, 1 a bug.
`
