import { Argument, type Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, refuseEndpoint } from '../context.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'

/** `ztm enable mesh [MESH]` */
export function defineEnable(command: Command, cli: Cli): void {
  defineSwitch(command, cli, true)
  addExamples(command, 'ztm enable mesh home', 'ztm enable mesh')
}

/** `ztm disable mesh [MESH]` */
export function defineDisable(command: Command, cli: Cli): void {
  defineSwitch(command, cli, false)
  addExamples(command, 'ztm disable mesh home')
}

function defineSwitch(command: Command, cli: Cli, isEnabled: boolean): void {
  command
    .addArgument(new Argument('<type>', 'what').choices(['mesh']))
    .argument('[mesh]', 'the mesh, by its name on this computer; else as with other commands')
    .action(async (_type: string, name: string | undefined) => {
      refuseEndpoint(cli, `${isEnabled ? 'enable' : 'disable'} a mesh`)
      const mesh = name ?? (await choosePlace(cli)).mesh.name
      const changed = await callAgent(cli, AGENT_API.changeMesh, { params: { mesh }, body: { isEnabled } })
      const text = isEnabled
        ? `Mesh ${visible(mesh)} is enabled, now ${changed.state}`
        : `Mesh ${visible(mesh)} is disabled: go back online with \`ztm enable mesh\``
      await report(cli, text, { name: mesh, data: changed })
    })
}
