import { Argument, type Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { MeshError } from '../../core/model/errors.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, refuseEndpoint } from '../context.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { changeApp } from '../packages/app-manage.ts'

/** `ztm enable mesh [MESH]`, `ztm enable app NAME` */
export function defineEnable(command: Command, cli: Cli): void {
  defineSwitch(command, cli, true)
  addExamples(command, 'ztm enable mesh home', 'ztm enable mesh', 'ztm enable app alice/notes')
}

/** `ztm disable mesh [MESH]`, `ztm disable app NAME` */
export function defineDisable(command: Command, cli: Cli): void {
  defineSwitch(command, cli, false)
  addExamples(command, 'ztm disable mesh home', 'ztm disable app alice/notes')
}

function defineSwitch(command: Command, cli: Cli, isEnabled: boolean): void {
  command
    .addArgument(new Argument('<type>', 'what').choices(['mesh', 'app']))
    .argument('[mesh|app]', 'the mesh, by its name on this computer, else as with other commands; or the app')
    .action(async (type: string, name: string | undefined) => {
      if (type === 'app') return switchApp(cli, name, isEnabled)
      refuseEndpoint(cli, `${isEnabled ? 'enable' : 'disable'} a mesh`)
      const mesh = name ?? (await choosePlace(cli)).mesh.name
      const changed = await callAgent(cli, AGENT_API.changeMesh, { params: { mesh }, body: { isEnabled } })
      const text = isEnabled
        ? `Mesh ${visible(mesh)} is enabled, now ${changed.state}`
        : `Mesh ${visible(mesh)} is disabled: go back online with \`ztm enable mesh\``
      await report(cli, text, { name: mesh, data: changed })
    })
}

/** A disabled app does not run, whoever starts what. */
async function switchApp(cli: Cli, name: string | undefined, isEnabled: boolean): Promise<void> {
  const verb = isEnabled ? 'enable' : 'disable'
  if (name === undefined)
    throw new MeshError('bad-usage', `Cannot ${verb} app: no name given: see \`ztm get app\``)
  await changeApp(cli, name, { isDisabled: !isEnabled })
}
