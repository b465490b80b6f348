import { type Command, Option } from 'commander'
import { parseAddress } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import { parseName } from '../../core/model/names.ts'
import { type Cli, dataFolderOf } from '../context.ts'
import { addExamples } from '../examples.ts'
import { report, showThing } from '../output/show.ts'
import { readSettings, type Settings, writeSettings } from '../settings.ts'

interface ConfigOptions {
  readonly agent?: string
  readonly unset?: readonly (keyof Settings)[]
}

/** `ztm config [--mesh NAME] [--agent ADDRESS] [--unset NAME …]` */
export function defineConfig(command: Command, cli: Cli): void {
  command
    .description(
      'Show the defaults of the command line, or change them. They are kept in config.json of the state folder; ' +
        'ZTM_MESH and ZTM_AGENT come before them, and --mesh before all.',
    )
    .option('--agent <address>', 'speak to an agent over TCP, HOST:PORT or PORT; its token is in ZTM_TOKEN')
    .addOption(new Option('--unset <setting...>', 'settings to remove').choices(['mesh', 'agent']))
    .action((options: ConfigOptions) => config(cli, options))
  addExamples(
    command,
    'ztm config',
    'ztm config --mesh home',
    'ztm config --agent 192.168.1.5:7777',
    'ztm config --unset mesh agent',
  )
}

async function config(cli: Cli, { agent, unset = [] }: ConfigOptions): Promise<void> {
  const { mesh } = cli.options
  if (cli.prefix.mesh !== undefined || cli.prefix.endpoint !== undefined || cli.options.ep !== undefined) {
    throw new MeshError(
      'bad-usage',
      'Cannot use a prefix or --ep with "config": write `ztm config --mesh MESH`',
    )
  }
  const before = await readSettings(cli)
  const isChange = mesh !== undefined || agent !== undefined || unset.length > 0
  if (!isChange) {
    const fields = [
      ['State folder', dataFolderOf(cli)],
      ['Mesh', before.mesh ?? '(the only one joined)'],
      ['Agent', before.agent ?? '(the socket of the state folder)'],
    ] as const
    return showThing(cli, before, { name: before.mesh ?? '', fields })
  }
  if (agent !== undefined) parseAddress(agent)
  const kept = Object.fromEntries(
    Object.entries(before).filter(([name]) => !unset.some(taken => taken === name)),
  ) as Settings
  const after: Settings = {
    ...kept,
    ...(mesh !== undefined && { mesh: parseName(mesh, 'mesh') }),
    ...(agent !== undefined && { agent }),
  }
  await writeSettings(cli, after)
  await report(cli, 'Settings are saved', { name: 'config', data: after })
}
