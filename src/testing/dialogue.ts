import { type Ms, ms } from '../core/model/time.ts'

/** What a machine says to one event: lines, each with a sign in front. */
export type Answer = (event: string, words: readonly string[], now: Ms) => readonly string[]

/**
 * Play a dialogue with a machine and write down what was said. Lines of the form `> TIME EVENT WORDS…` are said to it,
 * in order; all others are left out, and the answers of this time are put in their place. So what comes back equals
 * what was written if the machine does what was expected.
 *
 * @returns the lines, as `tidyDialogue` gives them
 */
export function playDialogue(script: string, answer: Answer): string[] {
  return tidyDialogue(script)
    .filter(line => line.startsWith('>'))
    .flatMap(line => {
      const [time, event = '', ...words] = line.slice(1).trim().split(/\s+/)
      return [line, ...answer(event, words, ms(Number(time)))]
    })
}

/** The lines of a dialogue without indents, comments (`# …`) and empty lines. */
export function tidyDialogue(script: string): string[] {
  return script
    .split('\n')
    .map(line => line.replace(/#.*$/, '').trim())
    .filter(line => line !== '')
}
