import { AGENT_API } from '../../core/api/agent-api.ts'
import { readKnownNetwork } from '../../core/edge/network-entities.ts'
import { readNetwork, writeNetwork } from '../../core/edge/network-file.ts'
import { type NetworkPlan, planNetwork } from '../../core/edge/network-plan.ts'
import { DEFAULT_NETWORK, type Network, SECTIONS } from '../../core/edge/network-shape.ts'
import { MeshError } from '../../core/model/errors.ts'
import { call } from '../api/call.ts'
import { openEdge } from '../api/edge-queries.ts'

/** What a text would change, and under which name. */
export interface TextPlan {
  readonly network: string
  readonly plan: NetworkPlan
}

/**
 * Compare a network.yaml with what is there. Nothing is changed.
 *
 * @throws MeshError `bad-input` for a text that is none, `too-large` for one that is too long, as the controller for all else
 */
export async function planText(mesh: string, text: string, isPruning: boolean): Promise<TextPlan> {
  if (text.length > MAX_NETWORK_LENGTH) {
    const state = `it has ${text.length} characters: at most ${MAX_NETWORK_LENGTH} are read`
    throw new MeshError('too-large', `Cannot read network.yaml: ${state}`)
  }
  const wanted = readNetwork(await readYaml(text), 'network.yaml')
  const known = await readKnownNetwork(openEdge(mesh), await listMembers(mesh))
  return { network: wanted.name, plan: planNetwork(wanted, known, isPruning) }
}

/** All that the controller keeps, as a text that `planText` reads. */
export async function exportText(mesh: string): Promise<string> {
  const known = await readKnownNetwork(openEdge(mesh), await listMembers(mesh))
  const sections = SECTIONS.map(section => [section, known[section].map(({ item }) => item)])
  const network: Network = {
    name: DEFAULT_NETWORK,
    sections: Object.fromEntries(sections) as Network['sections'],
  }
  const { stringify } = await import('yaml')
  return stringify(writeNetwork(network))
}

/** JSON is YAML. Aliases that multiply are none. */
async function readYaml(text: string): Promise<unknown> {
  const { parseDocument } = await import('yaml')
  try {
    const document = parseDocument(text, { logLevel: 'error' })
    const [fault] = document.errors
    if (fault !== undefined) throw fault
    return document.toJS({ maxAliasCount: MAX_ALIAS_COUNT })
  } catch (error) {
    const [line] = String((error as Error).message).split('\n')
    throw new MeshError('bad-input', `Cannot read network.yaml: ${line}`)
  }
}

async function listMembers(mesh: string): Promise<ReadonlySet<string>> {
  const ids: string[] = []
  for (;;) {
    const query = { limit: 1_000, offset: ids.length }
    const { endpoints, total } = await call(AGENT_API.listEndpoints, { params: { mesh }, query })
    ids.push(...endpoints.map(({ id }) => id))
    if (endpoints.length === 0 || ids.length >= total) break
  }
  const { users } = await call(AGENT_API.listUsers, { params: { mesh } })
  return new Set([...ids, ...users.map(({ name }) => name)])
}

/** Characters of a network.yaml. */
export const MAX_NETWORK_LENGTH = 8 * 1_048_576
const MAX_ALIAS_COUNT = 100
