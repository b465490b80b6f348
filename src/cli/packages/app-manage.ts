import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { installedPlace, stateText } from './app-place.ts'

/** `ztm start app NAME` */
export function defineStartApp(command: Command, cli: Cli): void {
  const inner = command
    .command('app')
    .summary('Start an installed app; it then comes up with the agent')
    .argument('<app>', 'which: [PROVIDER/]NAME')
    .action((word: string) => changeApp(cli, word, { isRunning: true }))
  addExamples(inner, 'ztm start app alice/notes', 'ztm ep office start app notes')
}

/** Start, stop, enable or disable an installed app, and say how it is then. @throws MeshError why it cannot */
export async function changeApp(
  cli: Cli,
  word: string,
  body: { isRunning?: boolean; isDisabled?: boolean },
): Promise<void> {
  const place = await installedPlace(cli, word)
  const changed = await callAgent(cli, AGENT_API.changeInstalled, { params: { ...place }, body })
  const name = `${place.provider}/${place.app}`
  await report(cli, `App ${name} ${changed.version} is ${visible(stateText(changed))}`, {
    name,
    data: changed,
  })
}

/** `ztm rollback app NAME` */
export function defineRollbackApp(command: Command, cli: Cli): void {
  const inner = command
    .command('app')
    .summary('Go back to the version of an app that was installed before')
    .description(
      'Go back to the version of an app that was installed before, with what that was granted; again goes forward.',
    )
    .argument('<app>', 'which: [PROVIDER/]NAME')
    .action(async (word: string) => {
      const place = await installedPlace(cli, word)
      const changed = await callAgent(cli, AGENT_API.rollBack, { params: { ...place } })
      const name = `${place.provider}/${place.app}`
      const text = `App ${name} is back at ${changed.version}, and ${visible(stateText(changed))}`
      await report(cli, text, { name, data: changed })
    })
  addExamples(inner, 'ztm rollback app alice/notes', 'ztm ep office rollback app notes')
}

/** `ztm erase app NAME` */
export function defineEraseApp(command: Command, cli: Cli): void {
  const inner = command
    .command('app')
    .summary('Erase an installed app and what it kept')
    .description(
      "Erase an installed app and what it kept. Its publisher's key is remembered for the next install.",
    )
    .argument('<app>', 'which: [PROVIDER/]NAME')
    .option('--keep-data', 'leave its records, for the next install')
    .action(async (word: string, { keepData = false }: { keepData?: boolean }) => {
      const place = await installedPlace(cli, word)
      await callAgent(cli, AGENT_API.eraseInstalled, {
        params: { ...place },
        query: { data: keepData ? 'keep' : 'erase' },
      })
      const name = `${place.provider}/${place.app}`
      await report(cli, `App ${name} is erased`, { name, data: { app: name } })
    })
  addExamples(inner, 'ztm erase app alice/notes', 'ztm erase app notes --keep-data')
}
