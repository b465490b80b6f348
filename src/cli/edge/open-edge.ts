import { AGENT_API } from '../../core/api/agent-api.ts'
import { createEdgeClient, type EdgeClient } from '../../core/edge/edge-client.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'

/** The management API of the mesh that the line speaks of. @throws MeshError `not-joined`, `ambiguous`, `agent-down` */
export async function openEdge(cli: Cli): Promise<EdgeClient> {
  const { mesh } = await choosePlace(cli)
  return openEdgeOf(cli, mesh.name)
}

/** The management API of a mesh by its local name. */
export function openEdgeOf(cli: Cli, mesh: string): EdgeClient {
  return createEdgeClient(mesh, wish => callAgent(cli, AGENT_API.passEdge, wish))
}
