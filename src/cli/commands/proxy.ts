import { type Command, Option } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { type ConfigWords, configureProxy } from '../proxy/proxy-config.ts'
import { addRule, deleteRule, listRules, moveRule, type RuleWords } from '../proxy/proxy-rules.ts'
import { testProxy } from '../proxy/proxy-try.ts'

/** `ztm proxy config|rules|test …` */
export function defineProxy(command: Command, cli: Cli): void {
  command.description(
    'A SOCKS 5 and HTTP proxy whose way out is another endpoint: connections come in here and leave there, where names ' +
      'are looked up too. The proxy is that of this endpoint, or of another of yours with --ep.',
  )
  const config = command
    .command('config')
    .summary('Show or change where the proxy listens, and whether others leave here')
    .option('--listen <address>', 'where clients come in, [IP:]PORT (default IP: 127.0.0.1), or off')
    .option(
      '--clients <file>',
      'NAME:PASSWORD lines of those who may use it (- reads standard input), or off; NAME alone keeps its password',
    )
    .addOption(new Option('--exit <state>', 'whether connections leave the mesh here').choices(['on', 'off']))
    .option(
      '--users <user...>',
      "users who may leave here besides the owner; '*' is everybody, none is nobody",
    )
    .option('--groups <group...>', 'and the members of these groups; none is nobody')
    .option('--open <target...>', 'open these of this computer and its networks: NAME, IP or CIDR range')
    .option('--close <target...>', 'close them again')
    .action((words: ConfigWords) => configureProxy(cli, words))
  addExamples(
    config,
    'ztm proxy config',
    'ztm proxy config --listen 1080',
    'ztm ep office proxy config --exit on --open 192.168.1.0/24 printer.lan',
    'ztm ep office proxy config --users alice bob',
  )
  defineRules(command.command('rules'), cli)
  const test = command
    .command('test')
    .summary('Say which rule and which exit a connection takes, and try it')
    .argument('<target>', 'a URL, or HOST:PORT')
    .option('--client <name>', 'as this client of the proxy')
    .action((typed: string, words: { client?: string }) => testProxy(cli, typed, words))
  addExamples(test, 'ztm proxy test https://example.com', 'ztm proxy test db.internal:5432')
  addExamples(
    command,
    'ztm ep office proxy config --exit on',
    'ztm proxy config --listen 1080',
    "ztm proxy rules add '*.example.com' --exits office",
  )
}

function defineRules(command: Command, cli: Cli): void {
  command
    .summary('Show the rules that choose the exit, or change them')
    .description(
      'Rules that choose the exit of a connection: the first that fits decides; without one, an exit of your own.',
    )
    .action(() => listRules(cli))
  const add = command
    .command('add')
    .summary('Add a rule')
    .argument('<target...>', 'NAME, *.NAME (below it), .NAME (both), IP, CIDR range, or *')
    .option('--ports <ports>', '443, 8000-8010 or 80,443', '*')
    .option('--exits <endpoint...>', 'leave by one of these endpoints, the one with the best path first')
    .option('--direct', 'connect from here, without the mesh')
    .option('--deny', 'do not connect')
    .option('--clients <name...>', 'only for clients that log in with these names')
    .option('--allow', 'let it through, as a rule of the exit')
    .option('--users <user...>', 'only for these users of the mesh, as a rule of the exit')
    .option('--groups <group...>', 'only for the members of these groups, as a rule of the exit')
    .option('--exit', 'as a rule of the exit, for everybody')
    .option('--insert <number>', 'before the rule of this number; last if left out')
    .action((targets: string[], words: RuleWords) => addRule(cli, targets, words))
  addExamples(
    add,
    "ztm proxy rules add '*.example.com' 10.0.0.0/8 --exits office backup",
    "ztm proxy rules add '*' --direct",
    'ztm proxy rules add ads.example --deny --insert 0',
    "ztm ep office proxy rules add '*' --ports 25 --deny --users bob",
    "ztm ep office proxy rules add '*.internal' --allow --groups ops",
  )
  const move = command
    .command('move')
    .summary('Move a rule: the first that fits decides')
    .argument('<number>', 'as `ztm proxy rules` shows it')
    .argument('<to>', 'the number it shall have')
    .option('--exit', 'a rule of the exit')
    .action((typed: string, to: string, words: { exit?: boolean }) => moveRule(cli, typed, to, words))
  addExamples(move, 'ztm proxy rules move 2 0', 'ztm ep office proxy rules move 1 0 --exit')
  const remove = command
    .command('delete')
    .summary('Delete a rule')
    .argument('<number>', 'as `ztm proxy rules` shows it')
    .option('--exit', 'a rule of the exit')
    .action((typed: string, words: { exit?: boolean }) => deleteRule(cli, typed, words))
  addExamples(remove, 'ztm proxy rules delete 0', 'ztm ep office proxy rules delete 1 --exit')
  addExamples(command, 'ztm proxy rules', "ztm proxy rules add '*.example.com' --exits office")
}
