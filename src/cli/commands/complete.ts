import { Argument, type Command } from 'commander'
import { type Candidate, completeWords } from '../completion/candidates.ts'
import { liveNames } from '../completion/live-names.ts'
import { COMPLETION_SCRIPTS, type Shell } from '../completion/scripts.ts'
import { escapeWord, splitLine } from '../completion/shell-words.ts'
import type { Cli } from '../context.ts'
import { print } from '../output/show.ts'
import { visible } from '../output/text-width.ts'

/**
 * `ztm __complete SHELL -- WORDS…`, called by the completion scripts: one candidate a line, its explanation after a
 * tab, and `:files` where file names fit too. bash gives the line as one word, for it splits words at `:` and `=`.
 */
export function defineComplete(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<shell>').choices(Object.keys(COMPLETION_SCRIPTS)))
    .argument('<words...>')
    .action(async (shell: Shell, given: string[]) => {
      // Somebody waits with a finger on Tab.
      cli.deadlineMs = cli.world.clock.now() + MAX_WAIT_MS
      const line = shell === 'bash' ? splitLine(given.join(' ')) : undefined
      const words = line === undefined ? undotted(shell, given) : line.words.slice(1)
      const { candidates, hasFiles } = await completeWords(words, cli, kind => liveNames(cli, kind)).catch(
        // A line that means nothing: an error message at every Tab would tear it apart.
        () => ({ candidates: [], hasFiles: false }),
      )
      const safe = candidates.filter(({ word }) => visible(word) === word)
      const typed = words.at(-1) ?? ''
      const shown = line === undefined ? safe.map(describeCandidate) : bashWords(safe, typed, line.openQuote)
      const lines = [...shown, ...(hasFiles ? [':files'] : [])]
      print(cli, lines.map(text => `${text}\n`).join(''))
    })
}

/** PowerShell puts a dot before the last word: it may be empty, and empty words get lost on the way. */
function undotted(shell: Shell, words: readonly string[]): string[] {
  const last = words.at(-1)
  return shell === 'powershell' && last?.startsWith('.') ? [...words.slice(0, -1), last.slice(1)] : [...words]
}

function describeCandidate({ word, about }: Candidate): string {
  return about === undefined ? word : `${word}\t${visible(about)}`
}

/** bash replaces what follows the last `:` or `=` of the word, and inserts what it is given as it is. */
function bashWords(candidates: readonly Candidate[], typed: string, openQuote: string | undefined): string[] {
  const kept = openQuote === undefined ? Math.max(typed.lastIndexOf(':'), typed.lastIndexOf('=')) + 1 : 0
  return candidates.map(({ word }) => {
    const rest = word.slice(kept)
    return openQuote === undefined ? escapeWord(rest) : rest
  })
}

const MAX_WAIT_MS = 900
