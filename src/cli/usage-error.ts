import type { Argument, Command, CommanderError } from 'commander'
import { MeshError } from '../core/model/errors.ts'
import { nearestWord } from './nearest-word.ts'
import type { Program } from './program.ts'

/**
 * What the parser of command lines refuses, as an error of ours: what is wrong, what was meant, and the help of the command
 * that was typed.
 *
 * @param program  absent where not even the global options were understood
 */
export function usageError(thrown: CommanderError, program: Program | undefined): MeshError {
  const command = program === undefined ? undefined : typedCommand(program)
  const text = thrown.message
    .replace(/^error: /, '')
    .replace(/^missing required argument '(\w+)'/, (whole, name) => whole + choicesOf(command, name))
    .replace(/^command-argument value '(.*)' is invalid for argument '(\w+)'.*$/s, (whole, word, name) =>
      describeChoice(whole, word, argumentOf(command, name)),
    )
    .replace(/\. (Allowed choices are .*)\.$/, ': $1')
    .replace(/\n\(Did you mean (.*)\?\)$/s, ' (did you mean $1?)')
    .replace(/\.$/, '')
  const help = ['ztm help', ...namesOf(command)].join(' ')
  return new MeshError('bad-usage', `Cannot read command line: ${text}: type \`${help}\``, { cause: thrown })
}

/** The command that the words name, as deep as they do: `tunnel get` of `tunnel get inbuond`. */
function typedCommand({ root, words }: Program): Command {
  let command = root
  for (const word of words) {
    if (word === '--') break
    const named = command.commands.find(one => one.name() === word || one.aliases().includes(word))
    if (named !== undefined) command = named
  }
  return command
}

/** Its words behind `ztm`. */
function namesOf(command: Command | undefined): string[] {
  return command?.parent ? [...namesOf(command.parent), command.name()] : []
}

function argumentOf(command: Command | undefined, name: string): Argument | undefined {
  return command?.registeredArguments.find(one => one.name() === name)
}

/** What it may be, in brackets, where that is little. */
function choicesOf(command: Command | undefined, name: string): string {
  return listChoices(argumentOf(command, name)?.argChoices ?? [])
}

function listChoices(choices: readonly string[]): string {
  // `inbounds` and `in` are `inbound` in other words.
  const shown = choices.filter(
    (one, at) => !choices.slice(0, at).some(other => one.startsWith(other) || other.startsWith(one)),
  )
  return shown.length === 0 || shown.length > MAX_SHOWN_CHOICES ? '' : ` (${shown.join(', ')})`
}

function describeChoice(whole: string, word: string, argument: Argument | undefined): string {
  const { argChoices: choices } = argument ?? {}
  if (argument === undefined || choices === undefined) return whole
  const near = nearestWord(word, choices)
  const meant = near === undefined ? listChoices(choices) : ` (did you mean ${near}?)`
  return `there is no ${argument.name()} '${word}'${meant}`
}

const MAX_SHOWN_CHOICES = 8
