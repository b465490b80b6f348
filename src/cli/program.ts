import type { Command } from 'commander'
import type { MeshError } from '../core/model/errors.ts'
import type { Cli } from './context.ts'
import type { GlobalOptions } from './global-options.ts'
import { operandIndex, takePrefix } from './prefix.ts'
import { addStub, createRoot, isNamed } from './root-command.ts'

/** A command line that is understood as far as which command it names. */
export interface Program {
  readonly root: Command
  /** The words to parse, without the prefix forms. */
  readonly words: readonly string[]
}

/**
 * Make the command tree for one command line: all commands by name and summary, the one that is named in full.
 *
 * @throws MeshError `bad-usage` for a prefix without a name; CommanderError for global options that are no good
 */
export async function buildProgram(typed: readonly string[], cli: Cli): Promise<Program> {
  const root = createRoot(cli)
  const { prefix, rest } = takePrefix(root, typed)
  cli.prefix = prefix
  const spread = spreadEndpoints(root, turnHelp(root, rest, cli), cli)
  // Parsed once more when the command runs; known now, so that an error before that is printed as asked.
  root.parseOptions(isOurs(root, spread, cli) ? [...spread] : spread.slice(0, operandIndex(root, spread)))
  cli.options = root.opts<GlobalOptions>()
  const words = await turnApp(root, spread, cli)
  const name = words[operandIndex(root, words)]
  for (const entry of cli.commands) {
    const command = addStub(root, entry)
    if (isNamed(entry, name)) (await entry.load())(command, cli)
  }
  return { root, words }
}

/** `help get`, `tunnel help open inbound`: the words of a person, as the option that does it. */
function turnHelp(root: Command, words: readonly string[], cli: Cli): readonly string[] {
  const first = operandIndex(root, words)
  if (first === words.length && !words.some(word => HELP_OR_VERSION.has(word))) return [...words, '--help']
  if (words[first] === 'help') return [...words.slice(0, first), ...words.slice(first + 1), '--help']
  const app = cli.commands.find(entry => entry.group === 'Apps:' && isNamed(entry, words[first]))
  if (app === undefined || words[first + 1] !== 'help') return words
  return [...words.slice(0, first + 1), ...words.slice(first + 2), '--help']
}

/** `script x.ts --ep A B`: as `--on A --on B`, where the command takes several. What is after `--` stays. */
function spreadEndpoints(root: Command, words: readonly string[], cli: Cli): readonly string[] {
  const start = operandIndex(root, words) + 1
  const name = words[start - 1]
  if (!cli.commands.some(entry => entry.takesEndpoints && isNamed(entry, name))) return words
  const end = words.includes('--') ? words.indexOf('--') : words.length
  const turned = words.slice(0, start)
  let isList = false
  for (const word of words.slice(start, end)) {
    const [, one] = /^--ep=(.*)$/s.exec(word) ?? []
    if (one !== undefined) turned.push('--on', one)
    else if (isList && !word.startsWith('-')) turned.push('--on', word)
    else if (word !== '--ep') turned.push(word)
    isList = word === '--ep' || (isList && !word.startsWith('-'))
  }
  return [...turned, ...words.slice(end)]
}

/** `alice/notes list --all`, `notes list --all`: as `app run alice/notes -- list --all`, an app's own commands. Ours come first. */
async function turnApp(root: Command, words: readonly string[], cli: Cli): Promise<readonly string[]> {
  const at = operandIndex(root, words)
  const name = words[at] ?? ''
  if (isOurs(root, words, cli) || (!name.includes('/') && !(await isInstalled(cli, name)))) return words
  return [...words.slice(0, at), 'app', 'run', name, '--', ...words.slice(at + 1)]
}

/** Whether the words name a command, or none. What follows another name is not for us to read. */
function isOurs(root: Command, words: readonly string[], cli: Cli): boolean {
  const name = words[operandIndex(root, words)]
  return name === undefined || name === 'help' || cli.commands.some(entry => isNamed(entry, name))
}

/** Whether a word that is no command is the name of an app: if nobody can say, it is a slip of the pen. */
async function isInstalled(cli: Cli, name: string): Promise<boolean> {
  const { installedPlace } = await import('./packages/app-place.ts')
  return installedPlace(cli, name).then(
    () => true,
    error => (error as MeshError).code === 'ambiguous',
  )
}

const HELP_OR_VERSION = new Set(['-h', '--help', '-V', '--version'])
