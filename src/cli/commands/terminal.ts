import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { type PlayWords, playRecording } from '../terminal/play-recording.ts'
import { attachTerminal, type OpenWords, openTerminal } from '../terminal/terminal-open.ts'
import {
  type ConfigWords,
  closeSession,
  configureTerminal,
  listSessions,
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
    .argument('<endpoint>', 'where, by name or id')
    .argument('[command...]', 'what to run, after --; the login shell if left out')
    .option('-t, --tty', 'with a terminal, though there is none here')
    .option('-T, --no-tty', 'without a terminal: input and output are bytes')
    .option('--record <file>', 'write down what is shown, as an asciicast (a new file)')
    .action((endpoint: string, words: string[], options: OpenWords) =>
      openTerminal(cli, endpoint, words, options),
    )
  addExamples(
    open,
    'ztm terminal open office',
    'ztm terminal open office -- uname -a',
    'ztm terminal open office --record upgrade.cast',
    'ztm terminal open office -T -- tar x -C /tmp',
  )
  const attach = command
    .command('attach')
    .summary('Come back to a terminal that goes on')
    .argument('<endpoint>', 'where, by name or id')
    .argument('<session>', 'as `ztm terminal get` shows it')
    .option('--record <file>', 'write down what is shown, as an asciicast (a new file)')
    .action((endpoint: string, session: string, words: { record?: string }) =>
      attachTerminal(cli, endpoint, session, words),
    )
  addExamples(attach, 'ztm terminal attach office 0123456789abcdef')
  const get = command
    .command('get')
    .summary('List the terminals that run there')
    .argument('<endpoint>', 'where, by name or id')
    .action((endpoint: string) => listSessions(cli, endpoint))
  addExamples(get, 'ztm terminal get office')
  const close = command
    .command('close')
    .summary('End a terminal and what runs in it')
    .argument('<endpoint>', 'where, by name or id')
    .argument('<session>', 'as `ztm terminal get` shows it')
    .action((endpoint: string, session: string) => closeSession(cli, endpoint, session))
  addExamples(close, 'ztm terminal close office 0123456789abcdef')
  const play = command
    .command('play')
    .summary('Show a recording again')
    .argument('<file>', 'an asciicast, made with --record')
    .option('--speed <factor>', 'how much faster', '1')
    .option('--idle <seconds>', 'the longest wait for something to happen', '3')
    .action((file: string, words: PlayWords) => playRecording(cli, file, words))
  addExamples(play, 'ztm terminal play upgrade.cast', 'ztm terminal play upgrade.cast --speed 4 --idle 0.5')
  const config = command
    .command('config')
    .summary('Show or change whom an endpoint gives terminals')
    .option('--users <user...>', 'users beside the owner, with all rights of the agent there; none is nobody')
    .option('--groups <group...>', 'and the members of these groups; none is nobody')
    .option('--add-group <group...>', 'of these groups too')
    .option('--del-group <group...>', 'of these no more')
    .option('--enable', 'give terminals')
    .option('--no-enable', 'give none')
    .action((words: ConfigWords) => configureTerminal(cli, words))
  addExamples(
    config,
    'ztm terminal config',
    'ztm ep office terminal config --users alice',
    'ztm ep office terminal config --add-group ops',
    'ztm terminal config --no-enable',
  )
  addExamples(command, 'ztm terminal open office', 'ztm terminal open office -- uptime')
}
