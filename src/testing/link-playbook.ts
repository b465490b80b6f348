import type { LinkAction, LinkMachine, LinkState } from '../core/link/link.ts'
import { isErrorCode, MeshError } from '../core/model/errors.ts'
import { type Ms, ms } from '../core/model/time.ts'
import { playDialogue } from './dialogue.ts'

/**
 * Play a dialogue with a link machine (see `playDialogue`). `<` is an action; `=` is the state, where an event changed it:
 *
 *     > 0 start | stop | connected | tick | retry
 *     > 0 lost CODE                 the try or the link ended with an error of that code
 *     > 0 certified ISSUED EXPIRES  a certificate is in use
 *     > 0 renewFailed
 */
export function playLink(machine: LinkMachine, script: string): string[] {
  let before = formatState(machine.state)
  return playDialogue(script, (event, words, now) => {
    const actions = feed(machine, event, words, now)
    const after = formatState(machine.state)
    const change = after === before ? [] : [`= ${after}`]
    before = after
    return [...change, ...actions.map(action => `< ${formatAction(action)}`)]
  })
}

function feed(machine: LinkMachine, event: string, words: readonly string[], now: Ms): LinkAction[] {
  switch (event) {
    case 'start':
      return machine.start(now)
    case 'stop':
      machine.stop()
      return []
    case 'connected':
      return machine.connected(now)
    case 'lost':
      return machine.lost(errorOf(words[0]), now)
    case 'certified':
      return machine.certified(ms(Number(words[0])), ms(Number(words[1])), now)
    case 'renewFailed':
      return machine.renewFailed(now)
    case 'network':
      return machine.networkChanged(now)
    case 'tick':
      return machine.tick(now)
    default:
      throw new Error(`no event of a link: ${event}`)
  }
}

function errorOf(code: unknown): MeshError {
  if (!isErrorCode(code)) throw new Error(`no code of an error: ${code}`)
  return new MeshError(code, `Link ended: ${code}`)
}

function formatAction(action: LinkAction): string {
  switch (action.do) {
    case 'connect':
      return `connect ${action.bootstrap}`
    case 'wake':
      return `wake ${action.at}`
    case 'renew':
      return 'renew'
  }
}

function formatState(state: LinkState): string {
  switch (state.state) {
    case 'stopped':
      return 'stopped'
    case 'connecting':
      return `connecting ${state.bootstrap} since ${state.since}${formatError(state.lastError)}`
    case 'online':
      return `online ${state.bootstrap} since ${state.since}`
    case 'waiting':
      return (
        `waiting since ${state.since} until ${state.until}${formatError(state.lastError)}` +
        `, ${state.failureCount} failed`
      )
  }
}

function formatError(error: MeshError | undefined): string {
  return error === undefined ? '' : ` (${error.code})`
}
