import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, refuseEndpoint } from '../context.ts'
import { addExamples } from '../examples.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { readPermitText } from '../read-input.ts'

/** `ztm join MESH --as NAME --permit FILE` */
export function defineJoin(command: Command, cli: Cli): void {
  command
    .argument('<name>', 'what to call the mesh on this computer')
    .requiredOption('--as <name>', 'what this endpoint is called in the mesh')
    .requiredOption('-p, --permit <file>', 'permit: a file, - for standard input, or a ztm:// link')
    .option('--replace', 'take the name over from another endpoint of the same user')
    .action(async (mesh: string, options: { as: string; permit: string; replace?: true }) => {
      refuseEndpoint(cli, 'join a mesh')
      const joined = await callAgent(cli, AGENT_API.joinMesh, {
        params: { mesh },
        body: {
          permit: await readPermitText(cli, options.permit),
          endpoint: options.as,
          isReplacing: options.replace === true,
        },
      })
      const { endpoint } = joined
      const text = `Joined mesh ${visible(joined.name)} as ${visible(endpoint.name)}, user ${endpoint.user}: see who is there with \`ztm get ep\``
      await report(cli, text, { name: joined.name, data: joined })
    })
  addExamples(
    command,
    'ztm join home --as laptop --permit root.json',
    'ztm join home --as laptop --permit - < bob.json',
    "ztm join home --as laptop --permit 'ztm://example.com:8888/abc'",
    'ztm join home --as laptop --permit root.json --replace',
  )
}
