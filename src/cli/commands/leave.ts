import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, refuseEndpoint } from '../context.ts'
import { addExamples } from '../examples.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'

/** `ztm leave MESH` */
export function defineLeave(command: Command, cli: Cli): void {
  command
    .argument('<mesh>', 'the mesh, by its name on this computer')
    .description(
      'Leave a mesh: its tunnels close, its certificate is thrown away, the endpoint is removed from it',
    )
    .action(async (mesh: string) => {
      refuseEndpoint(cli, 'leave a mesh')
      await callAgent(cli, AGENT_API.leaveMesh, { params: { mesh } })
      await report(cli, `Left mesh ${visible(mesh)}`, { name: mesh, data: { mesh } })
    })
  addExamples(command, 'ztm leave home')
}
