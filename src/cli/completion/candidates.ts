import type { Command, Option } from 'commander'
import type { Cli } from '../context.ts'
import type { GlobalOptions } from '../global-options.ts'
import { isOptionNamed, operandIndex, takePrefix } from '../prefix.ts'
import { addStub, createRoot, isNamed } from '../root-command.ts'
import { SHOWN_WORDS, SYNONYM_WORDS } from '../thing-kinds.ts'

/** One word that would fit, and what it is. */
export interface Candidate {
  readonly word: string
  readonly about?: string
}

/** What may come next on a command line. */
export interface Completion {
  readonly candidates: readonly Candidate[]
  /** The shell's own completion of file names fits too. */
  readonly hasFiles: boolean
}

/** Gives the live names of a kind (`endpoint`, `mesh` …); none for what it does not know. Never throws. */
export type LiveNames = (kind: string) => Promise<readonly Candidate[]>

/**
 * What fits at the end of a command line.
 *
 * @param words  the words after `ztm` up to the cursor; the last is the one being typed, maybe empty
 */
export async function completeWords(
  words: readonly string[],
  cli: Cli,
  names: LiveNames,
): Promise<Completion> {
  const typed = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const root = createRoot(cli)
  const opened = openPrefix(root, before)
  if (opened !== undefined) return fitting(typed, { candidates: await names(opened), hasFiles: false })
  const { prefix, rest } = takePrefix(root, before)
  cli.prefix = prefix
  readGlobals(root, rest, cli)
  const command = await findCommand(root, rest, cli)
  const { option, operands } = readWords(command.path, command.rest)
  const [inner = root] = command.path
  const isValue = option !== undefined && !(option.optional && typed.startsWith('-'))
  if (isValue) return completeValue(option, typed, names)
  if (typed.startsWith('-')) return completeOption(command.path, typed, names)
  const found = await completeOperand(inner, operands, names)
  return fitting(typed, found)
}

/** The kind of name that a prefix waits for: `ztm mesh |`. */
function openPrefix(root: Command, before: readonly string[]): string | undefined {
  let words = [...before]
  for (;;) {
    const i = operandIndex(root, words)
    const word = words[i]
    if (word !== 'mesh' && word !== 'ep' && word !== 'endpoint') return undefined
    if (i === words.length - 1) return word === 'mesh' ? 'mesh' : 'endpoint'
    words = [...words.slice(0, i), ...words.slice(i + 2)]
  }
}

/** What the line says of state folder, mesh and endpoint holds for the live names too. */
function readGlobals(root: Command, words: readonly string[], cli: Cli): void {
  try {
    root.parseOptions([...words])
    cli.options = root.opts<GlobalOptions>()
  } catch {
    // An option that is not typed to its end yet.
  }
}

/** The innermost command the words name, the commands around it, and the words left. */
async function findCommand(
  root: Command,
  words: readonly string[],
  cli: Cli,
): Promise<{ path: readonly Command[]; rest: readonly string[] }> {
  const start = operandIndex(root, words)
  const named = words[start] === 'help' ? words[start + 1] : words[start]
  for (const entry of cli.commands) {
    const stub = addStub(root, entry)
    if (isNamed(entry, named)) (await entry.load())(stub, cli)
  }
  let path: readonly Command[] = [root]
  let rest = words.filter(word => word !== 'help')
  for (;;) {
    const [inner = root] = path
    const i = operandIndex(root, rest)
    const next = inner.commands.find(
      each => each.name() === rest[i] || each.aliases().includes(rest[i] ?? ''),
    )
    if (next === undefined) return { path, rest }
    path = [next, ...path]
    rest = [...rest.slice(0, i), ...rest.slice(i + 1)]
  }
}

/** Which option waits for a value at the end of the words, and which words are none. */
function readWords(
  path: readonly Command[],
  words: readonly string[],
): { option: Option | undefined; operands: readonly string[] } {
  const options = path.flatMap(command => [...command.options])
  const operands: string[] = []
  let open: Option | undefined
  for (const word of words) {
    if (word.startsWith('-') && word.length > 1) {
      const found = options.find(each => isOptionNamed(each, word))
      open = found?.required || found?.optional ? found : undefined
    } else if (open === undefined) operands.push(word)
    else if (!open.variadic) open = undefined
  }
  return { option: open, operands }
}

async function completeValue(option: Option, typed: string, ask: LiveNames, lead = ''): Promise<Completion> {
  const kind = kindOf(option.flags)
  const words = option.argChoices?.map(word => ({ word })) ?? (await ask(kind))
  const candidates = words.map(({ word, ...rest }) => ({ word: `${lead}${word}`, ...rest }))
  return fitting(typed, { candidates, hasFiles: kind === 'file' || kind === 'folder' })
}

async function completeOption(path: readonly Command[], typed: string, ask: LiveNames): Promise<Completion> {
  const options = path.flatMap(command => [...command.options])
  const equals = typed.indexOf('=')
  if (typed.startsWith('--') && equals !== -1) {
    const option = options.find(each => each.long === typed.slice(0, equals) && each.required)
    const none = { candidates: [], hasFiles: false }
    return option === undefined ? none : completeValue(option, typed, ask, typed.slice(0, equals + 1))
  }
  const all = [
    ...options.filter(option => !option.hidden),
    { long: '--help', short: '-h', description: 'show help' },
  ]
  const candidates = all.map(option => ({
    word: option.long ?? option.short ?? '',
    about: option.description,
  }))
  return fitting(typed, { candidates, hasFiles: false })
}

async function completeOperand(
  command: Command,
  operands: readonly string[],
  ask: LiveNames,
): Promise<Completion> {
  if (command.commands.length > 0) {
    const shown = command.createHelp().visibleCommands(command)
    const candidates = shown.map(each => ({ word: each.name(), about: each.summary() || each.description() }))
    const prefixes = command.parent === null ? PREFIXES : []
    return { candidates: [...candidates, ...prefixes], hasFiles: false }
  }
  const args = command.registeredArguments
  const last = args.at(-1)
  const argument = args[operands.length] ?? (last?.variadic ? last : undefined)
  if (argument === undefined) return { candidates: [], hasFiles: false }
  if (argument.argChoices !== undefined) {
    // Of `ep`, `eps`, `endpoint` and `endpoints` the first is enough to offer.
    const choices = command.name() === 'completion' ? argument.argChoices : firstOfEach(argument.argChoices)
    return { candidates: choices.map(word => ({ word })), hasFiles: false }
  }
  const name = argument.name()
  // `get TYPE [NAME]`: what is named is what the word before says.
  const kind = name === 'name' && operands.length > 0 ? (operands[0] ?? name) : name
  return {
    candidates: await ask(name === 'tunnel' ? (operands[0] ?? 'tunnel') : kind),
    hasFiles: kind === 'file',
  }
}

/** Words that stand for one thing begin alike: keeps the first of `mesh`, `meshes`, of `inbound`, `inbounds`, `in`. */
function firstOfEach(words: readonly string[]): string[] {
  return words.filter((word, i) => {
    if (SYNONYM_WORDS.has(word)) return false
    if (SHOWN_WORDS.has(word)) return true
    return !words.some((other, j) => j < i && (word.startsWith(other) || other.startsWith(word)))
  })
}

/** The kind of value in an option's flags: `endpoint` of `--exits <endpoint...>`. */
function kindOf(flags: string): string {
  return /[<[]([^>\].]+)/.exec(flags)?.[1] ?? ''
}

function fitting(typed: string, { candidates, hasFiles }: Completion): Completion {
  const seen = new Set<string>()
  const fits = candidates.filter(({ word }) => {
    if (!word.startsWith(typed) || seen.has(word)) return false
    seen.add(word)
    return true
  })
  return { candidates: fits, hasFiles }
}

const PREFIXES: readonly Candidate[] = [
  { word: 'mesh', about: 'Say which mesh, before a command' },
  { word: 'ep', about: 'Say which endpoint, before a command' },
]
