import type { Command } from 'commander'
import { AGENT_API } from '../core/api/agent-api.ts'
import type { OwnHub } from '../core/api/own-hub-api.ts'
import { formatAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { callAgent } from './api-client.ts'
import { type Cli, refuseEndpoint } from './context.ts'
import { addExamples } from './examples.ts'
import { integerOption } from './global-options.ts'
import { remark, report } from './output/show.ts'
import { visible } from './output/text-width.ts'

interface MeshWords {
  readonly as: string
  readonly port: number
  readonly names?: readonly string[]
}

/** `ztm start mesh NAME --as ENDPOINT`: a hub on this computer, and this computer in its mesh. */
export function defineStartMesh(command: Command, cli: Cli): void {
  command
    .summary('Start a mesh of your own: a hub on this computer, which joins it')
    .argument('<name>', 'what to call the mesh on this computer')
    .requiredOption('--as <name>', 'what this endpoint is called in the mesh')
    .option('--port <port>', 'where the hub listens', integerOption([1, 65_535]), 8_888)
    .option(
      '-n, --names <address...>',
      'where agents reach the hub from outside, HOST:PORT; addresses of this computer if left out',
    )
    .action((mesh: string, words: MeshWords) => startMesh(cli, mesh, words))
  addExamples(
    command,
    'ztm start mesh home --as laptop',
    'ztm start mesh home --as laptop --port 8888 --names 1.2.3.4:8888',
  )
}

async function startMesh(cli: Cli, mesh: string, { as, port, names }: MeshWords): Promise<void> {
  refuseEndpoint(cli, 'start a mesh')
  const { addresses } = await callAgent(cli, AGENT_API.showOwnHub, {})
  const chosen = names ?? addresses.slice(0, 4).map(host => formatAddress({ host, port }))
  if (chosen.length === 0) {
    const state = 'this computer has no address but its own: give --names HOST:PORT'
    throw new MeshError('bad-input', `Cannot start mesh: ${state}`)
  }
  const { runs, note } = await callAgent(cli, AGENT_API.startOwnHub, { body: { port, names: [...chosen] } })
  if (note !== undefined) remark(cli, `ztm: the hub is no service: ${visible(note)}`)
  const joined = await callAgent(cli, AGENT_API.joinOwnHub, { body: { mesh, endpoint: as } })
  const hub = await callAgent(cli, AGENT_API.showOwnHub, {})
  for (const place of hub.places) remark(cli, formatPlace(place))
  const text = `Mesh ${visible(joined.name)} is up (${RUNS[runs]}), and this is endpoint ${visible(joined.endpoint.name)} of it: let others in with \`ztm invite USER\``
  await report(cli, text, { name: joined.name, data: { ...joined, runs, places: hub.places } })
}

function formatPlace({ name, reach, isAnswering, error }: OwnHub['places'][number]): string {
  if (!isAnswering) return `ztm: ${visible(name)} does not answer from here: ${visible(error ?? '')}`
  return `ztm: ${visible(name)} answers: ${REACHES[reach]}`
}

const REACHES: Readonly<Record<OwnHub['places'][number]['reach'], string>> = {
  computer: 'for this computer alone',
  network: 'for this network alone; for others let your router forward the port (TCP and UDP)',
  internet: 'from the internet, if no firewall is between: try it from outside',
  unknown: 'wherever that name leads here',
}
const RUNS = {
  service: 'a service of this computer',
  process: 'until this computer restarts: `ztm start hub` makes it a service',
  running: 'its hub ran already',
} as const
