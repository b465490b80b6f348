import { type Address, formatAddress, parseAddress } from '../core/model/address.ts'
import type { IntroductionId, Probe, ProbeSide } from '../core/model/probe.ts'
import { ms } from '../core/model/time.ts'
import { readCandidates } from '../core/path/candidate.ts'
import type { NatKind } from '../core/path/nat-kind.ts'
import { createPuncher, type Puncher, type PuncherAction } from '../core/path/puncher.ts'

/** The introduction that playbooks are about. */
export const INTRODUCTION = '00000000000000aa' as IntroductionId

/** A machine, and short ways to say what happens to it. */
export interface PunchPlaybook {
  readonly puncher: Puncher
  now: number
  /** All but wakes, one line each: `ping 1 to 10.0.0.2:7`, `ping 1 to … from 5` for a socket that is not the main one. */
  start(): string[]
  tick(atMs: number): string[]
  /** A probe of the peer comes, `ping`, `nominate`, or the answer to a transaction of ours. */
  hear(kind: Probe['kind'], transaction: number, from: string, more?: Partial<Probe> & HearOptions): string[]
  /** Follow the wakes until a time. @returns what was done, with the time since the start */
  run(untilMs: number): string[]
}

/** How a probe comes that is not like most. */
export interface HearOptions {
  readonly socket?: number
  readonly seen?: Address
}

/** Make a machine. */
export function createPunchPlaybook(
  side: ProbeSide,
  candidates: readonly string[],
  nats: { readonly own?: NatKind; readonly peer?: NatKind } = {},
): PunchPlaybook {
  const puncher = createPuncher({
    introduction: INTRODUCTION,
    side,
    terms: {
      candidates: readCandidates(candidates),
      ownNat: nats.own ?? 'endpoint-independent',
      peerNat: nats.peer ?? 'endpoint-independent',
    },
    random: () => 0.5,
  })
  let wakeAt: number | undefined

  function take(actions: PuncherAction[]): string[] {
    for (const action of actions) if (action.do === 'wake') wakeAt = Math.min(wakeAt ?? action.at, action.at)
    return actions.filter(action => action.do !== 'wake').map(describeAction)
  }

  const playbook: PunchPlaybook = {
    puncher,
    now: 0,
    start: () => take(puncher.start(ms(playbook.now))),
    tick(atMs) {
      playbook.now = atMs
      return take(puncher.tick(ms(atMs)))
    },
    hear(kind, transaction, from, { socket = 0, seen = SEEN, ...more } = {}) {
      const base = { introduction: INTRODUCTION, side: side === 'dial' ? 'accept' : 'dial', transaction }
      const probe = { kind, ...base, ...(kind === 'pong' && { seen }), ...more } as Probe
      return take(puncher.receive(socket, parseAddress(from), probe, ms(playbook.now)))
    },
    run(untilMs) {
      const done: string[] = []
      while (wakeAt !== undefined && wakeAt <= untilMs) {
        const at = wakeAt
        wakeAt = undefined
        done.push(...playbook.tick(at).map(line => `${at}: ${line}`))
      }
      playbook.now = untilMs
      return done
    },
  }
  return playbook
}

function describeAction(action: PuncherAction): string {
  switch (action.do) {
    case 'send': {
      const { probe, to, socket } = action
      return `${probe.kind} ${probe.transaction} to ${formatAddress(to)}${socket === 0 ? '' : ` from ${socket}`}`
    }
    case 'open-sockets':
      return `open ${action.count} from ${action.first}`
    case 'close-sockets':
      return `close${action.except === undefined ? '' : ` but ${action.except}`}`
    case 'chosen':
      return `chosen ${action.socket} ${formatAddress(action.remote)}`
    case 'failed':
      return `failed ${action.reason}`
    case 'lost':
      return 'lost'
    case 'wake':
      return `wake ${action.at}`
  }
}

const SEEN: Address = { host: '203.0.113.1', port: 1 }
