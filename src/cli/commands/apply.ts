import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { EDGE_KINDS } from '../../core/edge/edge-kinds.ts'
import { createPerformer } from '../../core/edge/network-apply.ts'
import { readKnownNetwork, SECTION_KINDS } from '../../core/edge/network-entities.ts'
import { writeNetwork } from '../../core/edge/network-file.ts'
import { type NetworkPlan, type PlanStep, planNetwork } from '../../core/edge/network-plan.ts'
import { DEFAULT_NETWORK, type Network, SECTIONS } from '../../core/edge/network-shape.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { openEdge } from '../edge/open-edge.ts'
import { addExamples } from '../examples.ts'
import { listAllEndpoints } from '../listings.ts'
import { parseNetwork } from '../network/parse-network.ts'
import { type Paint, painter } from '../output/colors.ts'
import { print, printData } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { readInput } from '../read-input.ts'

/** `ztm apply -f network.yaml` */
export function defineApply(command: Command, cli: Cli): void {
  command
    .description(
      'Make the controller keep what a file declares (administrators): configs, signers, auth policies, identities, ' +
        'services and policies. It shows what changes; a second time nothing does. What the file does not name stays, ' +
        'unless --prune is given: then what an earlier version of it made, and it does not name any more, is deleted.',
    )
    .requiredOption('-f, --file <file>', 'the network, as YAML or JSON; - for standard input')
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--prune', 'delete what this file made before and does not name any more')
    .action((options: ApplyOptions) => apply(cli, options))
  addExamples(
    command,
    'ztm apply -f network.yaml --dry-run',
    'ztm apply -f network.yaml --prune',
    'ztm export | ztm apply -f -',
  )
}

interface ApplyOptions {
  readonly file: string
  readonly dryRun?: true
  readonly prune?: true
}

async function apply(cli: Cli, options: ApplyOptions): Promise<void> {
  const text = await readInput(cli, options.file, 'network', MAX_NETWORK_BYTES)
  const network = await parseNetwork(text, options.file)
  const edge = await openEdge(cli)
  // As long as it takes; each single call has an end.
  if (cli.options.timeout === undefined) cli.deadlineMs = undefined
  const plan = planNetwork(
    network,
    await readKnownNetwork(edge, await listMembers(cli, edge.mesh)),
    options.prune === true,
  )
  const isShown = cli.options.output === 'table' && !cli.options.quiet
  const paint = painter(cli)
  const perform = createPerformer(edge, network.name)
  for (const step of plan.steps) {
    if (options.dryRun !== true) await perform(step)
    if (isShown) print(cli, describeStep(step, paint))
  }
  if (isShown)
    print(cli, `${describePlan(plan)}${options.dryRun === true ? ' (dry run: nothing was done)' : ''}\n`)
  else if (cli.options.output === 'name')
    print(cli, plan.steps.map(({ name }) => `${visible(name)}\n`).join(''))
  else if (cli.options.output !== 'table') await printData(cli, dataOf(plan, options.dryRun === true))
}

/** Endpoints by their ids, and users by their names. */
async function listMembers(cli: Cli, mesh: string): Promise<ReadonlySet<string>> {
  const endpoints = await listAllEndpoints(cli, mesh)
  const { users } = await callAgent(cli, AGENT_API.listUsers, { params: { mesh } })
  return new Set([...endpoints.map(({ id }) => id as string), ...users.map(({ name }) => name as string)])
}

function describeStep(step: PlanStep, paint: Paint): string {
  const [word] = EDGE_KINDS[SECTION_KINDS[step.section]].words
  const title = `${word} ${visible(step.name)}`
  if (step.do === 'delete') return `${paint('bad', `- ${title}`)}\n`
  const lines = step.fields.map(({ field, before, after }) => {
    const change = before === undefined ? write(after) : `${write(before)} -> ${write(after)}`
    return `    ${field}: ${visible(change)}\n`
  })
  const head = step.do === 'create' ? paint('good', `+ ${title}`) : paint('warning', `~ ${title}`)
  return `${head}\n${lines.join('')}`
}

function describePlan({ steps, keptCount }: NetworkPlan): string {
  const count = (what: PlanStep['do']) => steps.filter(step => step.do === what).length
  if (steps.length === 0) return `No change: ${keptCount} as declared`
  return `${count('create')} created, ${count('update')} changed, ${count('delete')} deleted, ${keptCount} as declared`
}

function dataOf({ steps, keptCount }: NetworkPlan, isDryRun: boolean): object {
  return {
    isDryRun,
    changes: steps.map(step => ({
      do: step.do,
      kind: EDGE_KINDS[SECTION_KINDS[step.section]].words[0],
      name: step.name,
      ...(step.do !== 'delete' && { fields: step.fields }),
    })),
    keptCount,
  }
}

/** A value on one line: short for lists of words, JSON for all else. */
function write(value: unknown): string {
  if (value === null || value === undefined) return '(none)'
  if (Array.isArray(value) && value.every(each => typeof each === 'string')) return `[${value.join(', ')}]`
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** `ztm export` */
export function defineExport(command: Command, cli: Cli): void {
  command
    .description(
      'Print what the controller keeps as a file for `ztm apply` (administrators): YAML, or JSON with -o json. ' +
        'Passwords, keys and tokens are not in it.',
    )
    .option('--network <network>', 'only what the file of that network made')
    .action((options: { network?: string }) => exportNetwork(cli, options.network))
  addExamples(command, 'ztm export > network.yaml', 'ztm export --network production -o json')
}

async function exportNetwork(cli: Cli, name: string | undefined): Promise<void> {
  const edge = await openEdge(cli)
  const known = await readKnownNetwork(edge, await listMembers(cli, edge.mesh))
  const sections = SECTIONS.map(section => [
    section,
    known[section].filter(({ madeBy }) => name === undefined || madeBy === name).map(({ item }) => item),
  ])
  const network = {
    name: name ?? DEFAULT_NETWORK,
    sections: Object.fromEntries(sections) as Network['sections'],
  }
  const document = writeNetwork(network)
  if (cli.options.output === 'json') return printData(cli, document)
  const { stringify } = await import('yaml')
  print(cli, Object.keys(document).length === 0 ? '' : stringify(document))
}

const MAX_NETWORK_BYTES = 8 * 1_048_576
