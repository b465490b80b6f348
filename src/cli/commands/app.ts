import type { Command } from 'commander'
import { developApp } from '../app/app-dev.ts'
import { initApp } from '../app/app-init.ts'
import { showSettings } from '../app/app-settings.ts'
import { testApp } from '../app/app-test.ts'
import { runApp } from '../app/run-app.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'

/** `ztm app init|dev|test|settings` */
export function defineApp(command: Command, cli: Cli): void {
  command.description(
    'Make apps: programs that run at endpoints of the mesh, walled in, with what whoever installs them grants. ' +
      '`ztm publish app` offers one to others.',
  )
  const init = command
    .command('init')
    .summary('Make the folder of a new app, which works')
    .argument('<folder>', 'its last part is the name: small letters, digits, dashes')
    .action((folder: string) => initApp(cli, folder))
  addExamples(init, 'ztm app init notes')
  const dev = command
    .command('dev')
    .summary('Run an app from its folder, and again after each change, until Ctrl-C')
    .description(
      'Run an app in the agent of this computer, with all that its app.json asks for. Its log is shown, and the address of its page and ' +
        'API, which only who has the key in it can use. -o json gives a line of JSON for each thing that happens.',
    )
    .argument('[folder]', 'of the app', '.')
    .action((folder: string) => developApp(cli, folder))
  addExamples(dev, 'ztm app dev', 'ztm app dev notes')
  const test = command
    .command('test')
    .summary('Run the tests of an app, with endpoints that are simulated')
    .argument('[folder]', 'of the app', '.')
    .action((folder: string) => testApp(cli, folder))
  addExamples(test, 'ztm app test notes')
  const run = command
    .command('run')
    .summary('Run the commands that an app has')
    .description(
      'Run the commands that an installed app has: `ztm NAME …` does the same. They run walled in, and can ask the app on this computer, ' +
        'or the one at --ep, and nothing else. A folder (`.`, `./notes`, `/srv/notes`) means the app that `ztm app dev` runs from it.',
    )
    .argument('<app>', '[PROVIDER/]NAME, or ./FOLDER of one that is developed')
    .argument('[words...]', 'for the app')
    .action((app: string, words: string[]) => runApp(cli, app, words))
  addExamples(run, 'ztm app run notes -- list', 'ztm alice/notes list --all', 'ztm app run ./notes -- list')
  const settings = command
    .command('settings')
    .summary('Show or set what an installed app reads, and who reaches it from other endpoints')
    .argument('<app>', 'PROVIDER/NAME')
    .argument('[values...]', 'KEY=VALUE to set, KEY= to unset')
    .option(
      '--users <users...>',
      'who besides your own endpoints may open streams to it; * is everybody, none with --users ""',
    )
    .option('--groups <groups...>', 'and members of these groups')
    .action((app: string, values: string[], options: { users?: string[]; groups?: string[] }) =>
      showSettings(cli, app, values, options),
    )
  addExamples(
    settings,
    'ztm app settings alice/notes',
    'ztm app settings alice/notes color=red',
    'ztm app settings alice/notes --users bob carol',
  )
  addExamples(command, 'ztm app init notes', 'ztm app dev notes', 'ztm app test notes')
}
