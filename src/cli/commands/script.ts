import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { integerOption, parseSpanOption } from '../global-options.ts'
import { type RunWords, runScript } from '../script/run-script.ts'
import { type ConfigWords, configureScripts, killRun, listRuns, showHistory } from '../script/script-runs.ts'

/** `ztm script FILE|- …`, `ztm script get|kill|history|config …` */
export function defineScript(command: Command, cli: Cli): void {
  command
    .description(
      'Run JavaScript or TypeScript on one or many endpoints at once. A script has an empty folder of its own, and what you allow ' +
        'it: the owner of an endpoint may allow anything there, others what the owner grants them. --ep takes several names; Ctrl-C ends ' +
        'all, --timeout is their time (10 min if left out), and what is piped in is given to each. With -o json the results are printed, with their output.',
    )
    .argument('<file>', 'the script: .ts, .js, .mts, .mjs, .cts or .cjs; - reads it from standard input')
    .argument('[args...]', 'its arguments, after --')
    .option('--on <endpoint>', 'an endpoint; as --ep, may be given again', gather)
    .option('--label <label>', 'every endpoint of yours with this label')
    .option('--allow-net <host>', 'connect to HOST or HOST:PORT; may be given again, as all of these', gather)
    .option('--allow-read <path>', 'read a file or folder there', gather)
    .option('--allow-write <path>', 'read and change it', gather)
    .option('--allow-run <program>', 'run a program, with the rights of the agent', gather)
    .option('--allow-dial <service>', 'use a service of the mesh', gather)
    .option('--memory <mib>', 'how much memory it may have', integerOption([32, 65_536]), 128)
    .action((file: string, args: string[], words: RunWords) => runScript(cli, file, args, words))
  const get = command
    .command('get')
    .summary('List the scripts that run there')
    .argument('<endpoint>', 'where: a name of yours, USER@NAME, or an id')
    .action((endpoint: string) => listRuns(cli, endpoint))
  addExamples(get, 'ztm script get office')
  const kill = command
    .command('kill')
    .summary('Kill a script')
    .argument('<endpoint>', 'where: a name of yours, USER@NAME, or an id')
    .argument('<run>', 'as `ztm script get` shows it')
    .action((endpoint: string, run: string) => killRun(cli, endpoint, run))
  addExamples(kill, 'ztm script kill office 0123456789abcdef')
  const history = command
    .command('history')
    .summary('List the scripts that one of your endpoints has run')
    .argument('<endpoint>', 'where, by name or id')
    .action((endpoint: string) => showHistory(cli, endpoint))
  addExamples(history, 'ztm script history office')
  defineConfig(command.command('config'), cli)
  addExamples(
    command,
    'ztm script disk.ts --ep office home --allow-read /var/log',
    'ztm script check.ts --label web --allow-net localhost:8080 -- --verbose',
    'ztm script - --ep office --timeout 30s',
  )
}

function defineConfig(config: Command, cli: Cli): void {
  config
    .summary('Show or change who may run scripts at an endpoint, and with what')
    .option('--allow-user <user...>', 'let these run scripts, with what --grant says and nothing else')
    .option('--allow-group <group...>', 'and the members of these groups')
    .option(
      '--grant <line...>',
      'net:HOST:PORT, read:PATH, write:PATH, run:PROGRAM, dial:SERVICE; word by word what they may ask for',
    )
    .option('--memory <mib>', 'at most so much', integerOption([32, 65_536]))
    .option('--max-time <span>', 'at most so long', parseSpanOption)
    .option('--forbid-user <user...>', 'take it away again')
    .option('--forbid-group <group...>', 'take it away again')
    .option('--enable', 'run scripts')
    .option('--no-enable', 'run none')
    .action((words: ConfigWords) => configureScripts(cli, words))
  addExamples(
    config,
    'ztm script config',
    'ztm ep office script config --allow-group ops --grant read:/var/log net:localhost:8080',
    'ztm ep office script config --forbid-group ops',
  )
}

function gather(one: string, before: string[] = []): string[] {
  return [...before, one]
}
