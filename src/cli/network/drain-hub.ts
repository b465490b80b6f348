import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { HubInfo } from '../../core/api/shapes.ts'
import { MeshError } from '../../core/model/errors.ts'
import { formatSpan, type Ms } from '../../core/model/time.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, DEFAULT_TIMEOUT_MS } from '../context.ts'
import { addExamples } from '../examples.ts'
import { parseSpanOption } from '../global-options.ts'
import { choosePlace } from '../mesh-choice.ts'
import { remark, report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { findHub } from './hubs.ts'

/** `ztm drain hub NAME` */
export function defineDrainHub(command: Command, cli: Cli): void {
  const hub = command
    .command('hub')
    .summary('Have a hub relay nothing new, and what it relays go over the others (administrators)')
    .description(
      'Have agents go to the other hubs: this one relays nothing new, and open connections move without a loss, as ' +
        'far as another hub reaches both ends. Then it can be stopped. Waits until nothing is left, and says what is.\n\n' +
        'A hub that only relays stays drained, also when it is started again, until --undo. The hub with the controller ' +
        'keeps its links, which the controller needs, and is drained until it is started again.',
    )
    .argument('<hub>', 'its address or id, of `ztm get hub`')
    .option('--undo', 'let it relay again')
    .option(
      '--wait <span>',
      'how long to wait until nothing is left, as 30s or 5m; 0s: not at all (default: 1m)',
      parseSpanOption,
    )
    .action((name: string, options: { undo?: true; wait?: Ms }) => drainHub(cli, name, options))
  addExamples(hub, 'ztm drain hub 5.6.7.8:8888', 'ztm drain hub 5.6.7.8:8888 --undo')
}

async function drainHub(cli: Cli, typed: string, options: { undo?: true; wait?: Ms }): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const found = await findHub(cli, mesh.name, typed, 'drain')
  const isDraining = options.undo !== true
  const params = { mesh: mesh.name, hub: found.id }
  await callAgent(cli, AGENT_API.drainHub, { params, body: { isDraining } })
  const name = found.names[0] ?? found.id
  const shown = visible(name)
  if (!isDraining) {
    await report(cli, `Hub ${shown} relays again`, { name, data: { id: found.id, isDraining } })
    return
  }
  const waitMs = options.wait ?? WAIT_MS
  const hub = await untilDrained(cli, mesh.name, found, waitMs)
  const { id, linkCount, relayCount } = hub
  const value = { name, data: { id, isDraining, linkCount, relayCount } }
  if (leftAt(hub) === 0) {
    const stays = hub.isRelay ? '' : '; the controller in it is away then'
    await report(cli, `Hub ${shown} is drained: it can be stopped${stays}`, value)
  } else if (waitMs === 0) {
    await report(cli, `Hub ${shown} is being drained: ${wordsOf(hub)} left`, value)
  } else {
    throw new MeshError(
      'timed-out',
      `Cannot drain hub ${shown}: ${wordsOf(hub)} left after ${formatSpan(waitMs)}: they may reach no other hub: ` +
        'wait on by the same command, stop it all the same, or give up with `--undo`',
    )
  }
}

/** @returns how it was last, when nothing is left or the time is over */
async function untilDrained(cli: Cli, mesh: string, before: HubInfo, waitMs: number): Promise<HubInfo> {
  if (cli.options.timeout === undefined) cli.deadlineMs = undefined
  const endsAtMs = performance.now() + waitMs
  let told = ''
  for (;;) {
    const terms = { timeoutMs: DEFAULT_TIMEOUT_MS }
    const { hubs } = await callAgent(cli, AGENT_API.listHubs, { params: { mesh } }, terms)
    const hub = hubs.find(({ id }) => id === before.id) ?? before
    if (leftAt(hub) === 0 || performance.now() >= endsAtMs) return hub
    const words = wordsOf(hub)
    if (words !== told) remark(cli, `ztm: ${words} left`)
    told = words
    await sleep(Math.min(LOOK_MS, Math.max(0, endsAtMs - performance.now())))
  }
}

/** What keeps it from being stopped: the links of the hub with the controller are for the controller. */
function leftAt({ isRelay, linkCount, relayCount }: HubInfo): number {
  return relayCount + (isRelay ? linkCount : 0)
}

function wordsOf({ isRelay, linkCount, relayCount }: HubInfo): string {
  const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`
  const links = isRelay ? `${counted(linkCount, 'link')} and ` : ''
  return `${links}${counted(relayCount, 'relay')} are`
}

/** Agents leave within some ten seconds. */
const WAIT_MS = 60_000
const LOOK_MS = 500
