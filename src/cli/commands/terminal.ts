import { type Command, Option } from 'commander'
import { PREDICT_MODES } from '../../core/terminal/predicted-echo.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { parseSpanOption } from '../global-options.ts'
import { type PlayWords, playRecording } from '../terminal/play-recording.ts'
import { type ConfigWords, configureTerminal, showHistory } from '../terminal/terminal-config.ts'
import { type AttachWords, attachTerminal, type OpenWords, openTerminal } from '../terminal/terminal-open.ts'
import { eraseRecording, fetchRecording, listRecordings } from '../terminal/terminal-recordings.ts'
import {
  closeSession,
  listSessions,
  type ShareWords,
  shareSession,
  showOutput,
} from '../terminal/terminal-sessions.ts'

/** `ztm terminal open|attach|get|close|config …` */
export function defineTerminal(command: Command, cli: Cli): void {
  command.description(
    'Terminals and commands on another endpoint, with the rights of its agent. A terminal whose connection breaks goes on, ' +
      'and one comes back to it; a command without a terminal is a pipe, byte for byte.',
  )
  const open = command
    .command('open')
    .summary('Open a terminal, or run a command')
    .argument('<endpoint>', 'where: a name of yours, USER@NAME, or an id')
    .argument('[command...]', 'what to run, after --; the login shell if left out')
    .option('-t, --tty', 'with a terminal, though there is none here')
    .option('-T, --no-tty', 'without a terminal: input and output are bytes')
    .option('--record <file>', 'write down what is shown, as an asciicast (a new file)')
    .addOption(predictOption())
    .option(
      '-L, --forward <spec>',
      '[BIND:]PORT:HOST:HOSTPORT: a port here that leads to one there; may be given again',
      (spec: string, before: string[] = []) => [...before, spec],
    )
    .option('-N, --no-command', 'run nothing: only forward, until Ctrl-C')
    .action((endpoint: string, words: string[], options: OpenWords) =>
      openTerminal(cli, endpoint, words, options),
    )
  addExamples(
    open,
    'ztm terminal open office',
    'ztm terminal open office -- uname -a',
    'ztm terminal open office --record upgrade.cast',
    'ztm terminal open office --predict never',
    'ztm terminal open office -T -- tar x -C /tmp',
    'ztm terminal open office -L 8080:localhost:80 -N',
  )
  const attach = command
    .command('attach')
    .summary('Come back to a terminal that goes on')
    .argument('<endpoint>', 'where: a name of yours, USER@NAME, or an id; or a link of `ztm terminal share`')
    .argument('[session]', 'as `ztm terminal get` shows it')
    .option('--read-only', 'look, and type nothing; Ctrl-C ends it')
    .option('--record <file>', 'write down what is shown, as an asciicast (a new file)')
    .addOption(predictOption())
    .action((endpoint: string, session: string | undefined, words: AttachWords) =>
      attachTerminal(cli, endpoint, session, words),
    )
  addExamples(
    attach,
    'ztm terminal attach office 0123456789abcdef',
    'ztm terminal attach office 0123456789abcdef --read-only',
  )
  defineSessions(command, cli)
  const play = command
    .command('play')
    .summary('Show a recording again')
    .argument('<file>', 'an asciicast, made with --record')
    .option('--speed <factor>', 'how much faster', '1')
    .option('--idle <seconds>', 'the longest wait for something to happen', '3')
    .action((file: string, words: PlayWords) => playRecording(cli, file, words))
  addExamples(play, 'ztm terminal play upgrade.cast', 'ztm terminal play upgrade.cast --speed 4 --idle 0.5')
  defineRecordings(command, cli)
  defineConfig(command, cli)
  addExamples(command, 'ztm terminal open office', 'ztm terminal open office -- uptime')
}

function predictOption(): Option {
  return new Option('--predict <when>', 'show keys before their echo: on slow paths, always, or never')
    .choices(PREDICT_MODES)
    .default('auto')
}

/** What others than the program's own client do with a session. */
function defineSessions(command: Command, cli: Cli): void {
  const get = command
    .command('get')
    .summary('List the terminals that run there')
    .argument('<endpoint>', 'where: a name of yours, USER@NAME, or an id')
    .action((endpoint: string) => listSessions(cli, endpoint))
  addExamples(get, 'ztm terminal get office')
  const close = command
    .command('close')
    .summary('End a terminal and what runs in it')
    .argument('<endpoint>', 'where: a name of yours, USER@NAME, or an id')
    .argument('<session>', 'as `ztm terminal get` shows it')
    .action((endpoint: string, session: string) => closeSession(cli, endpoint, session))
  addExamples(close, 'ztm terminal close office 0123456789abcdef')
  const show = command
    .command('show')
    .summary('Print what is kept of the output of a terminal, or find lines in it')
    .argument('<endpoint>', 'where: a name of yours, USER@NAME, or an id')
    .argument('<session>', 'as `ztm terminal get` shows it')
    .option('--search <text>', 'only lines with it, upper or lower case')
    .action((endpoint: string, session: string, words: { search?: string }) =>
      showOutput(cli, endpoint, session, words),
    )
  addExamples(show, 'ztm terminal show office 0123456789abcdef --search error')
  const share = command
    .command('share')
    .summary('Let others look at a terminal, for a while')
    .argument('<endpoint>', 'where: a name of yours, USER@NAME, or an id')
    .argument('<session>', 'as `ztm terminal get` shows it')
    .option('--user <user...>', 'these; without it, whoever of the mesh has the link that is printed')
    .option('--write', 'they may type too')
    .option('--for <span>', 'how long', parseSpanOption, parseSpanOption('1h'))
    .option('--stop', 'take all invitations to it back')
    .action((endpoint: string, session: string, words: ShareWords) =>
      shareSession(cli, endpoint, session, words),
    )
  addExamples(
    share,
    'ztm terminal share office 0123456789abcdef',
    'ztm terminal share office 0123456789abcdef --user bob --write --for 30m',
    'ztm terminal share office 0123456789abcdef --stop',
  )
  const history = command
    .command('history')
    .summary('List the sessions that one of your endpoints has had')
    .argument('<endpoint>', 'where, by name or id')
    .action((endpoint: string) => showHistory(cli, endpoint))
  addExamples(history, 'ztm terminal history office')
}

/** Recordings that an endpoint made. */
function defineRecordings(command: Command, cli: Cli): void {
  const recordings = command
    .command('recordings')
    .summary('List the terminals that one of your endpoints has written down')
    .argument('<endpoint>', 'where, by name or id')
    .action((endpoint: string) => listRecordings(cli, endpoint))
  addExamples(recordings, 'ztm terminal recordings office')
  const fetch = command
    .command('fetch')
    .summary('Fetch one of them, as an asciicast (a new file)')
    .argument('<endpoint>', 'where: a name of yours, USER@NAME, or an id')
    .argument('<session>', 'as `ztm terminal recordings` shows it')
    .argument('<file>', 'where to')
    .action((endpoint: string, session: string, file: string) => fetchRecording(cli, endpoint, session, file))
  addExamples(fetch, 'ztm terminal fetch office 0123456789abcdef upgrade.cast')
  const erase = command
    .command('erase')
    .summary('Erase one of them')
    .argument('<endpoint>', 'where, by name or id')
    .argument('<session>', 'as `ztm terminal recordings` shows it')
    .action((endpoint: string, session: string) => eraseRecording(cli, endpoint, session))
  addExamples(erase, 'ztm terminal erase office 0123456789abcdef')
}

function defineConfig(command: Command, cli: Cli): void {
  const config = command
    .command('config')
    .summary('Show or change whom an endpoint gives terminals')
    .option('--users <user...>', 'users beside the owner; none is nobody')
    .option('--groups <group...>', 'and the members of these groups; none is nobody')
    .option('--add-group <group...>', 'of these groups too')
    .option('--del-group <group...>', 'of these no more')
    .option(
      '--run-as <who=account...>',
      'what programs of a user or @GROUP run as; needed where the agent is root',
    )
    .option('--shell <word...>', 'what runs where no command is given; login is the login shell')
    .option('--idle <span>', 'end a session when nobody typed for so long; never')
    .addOption(new Option('--forward <state>', 'whether -L leads anywhere from here').choices(['on', 'off']))
    .option('--record <folder>', 'write down all terminals there: on, off, or a folder')
    .option('--enable', 'give terminals')
    .option('--no-enable', 'give none')
    .action((words: ConfigWords) => configureTerminal(cli, words))
  addExamples(
    config,
    'ztm terminal config',
    'ztm ep office terminal config --users alice --run-as alice=www-data',
    'ztm ep office terminal config --add-group ops --run-as @ops=admin',
    'ztm terminal config --idle 2h --record on',
    'ztm terminal config --no-enable',
  )
}
