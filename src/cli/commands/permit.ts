import type { Command } from 'commander'
import { HUB_LOCAL_API } from '../../core/api/hub-local-api.ts'
import { callHub } from '../api-client.ts'
import { type Cli, refuseEndpoint } from '../context.ts'
import { addExamples } from '../examples.ts'
import { print, report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { openSecret } from '../read-input.ts'

/** `ztm permit [--new]` */
export function definePermit(command: Command, cli: Cli): void {
  command
    .description(
      'Print the root permit of the hub that runs on this state folder.\n\n' +
        'It admits any number of endpoints of user root, so keep it like a password.',
    )
    .option('--new', 'make a new one and refuse the old from now on; endpoints that joined stay')
    .option('-p, --permit <file>', 'write it to a file (mode 0600) instead')
    .action(async (options: { new?: true; permit?: string }) => {
      refuseEndpoint(cli, 'show the root permit')
      await using place = await openSecret(cli, options.permit, 'permit')
      const { permit } = await callHub(cli, HUB_LOCAL_API.showPermit, {
        body: { isNew: options.new === true },
      })
      if (options.permit === undefined) return print(cli, `${permit.trimEnd()}\n`)
      await place?.write(permit)
      const text = `Root permit written to ${visible(options.permit)}: join with \`ztm join MESH --as NAME --permit FILE\``
      await report(cli, text, { name: options.permit, data: { file: options.permit } })
    })
  addExamples(command, 'ztm permit > root.json', 'ztm permit --new --permit root.json')
}
