import { Argument, type Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineCopy } from '../file/define-copy.ts'
import { listFolder } from '../file/list-folder.ts'

/** `ztm file cp|grant|ls …` */
export function defineFile(command: Command, cli: Cli): void {
  command.description('Files of endpoints: copied and listed as they are on their disks.')
  defineCopy(command, cli)
  const ls = command
    .command('ls')
    .summary('List a folder of an endpoint')
    .addArgument(new Argument('<place>', '[ENDPOINT:]PATH'))
    .action((place: string) => listFolder(cli, place))
  addExamples(ls, 'ztm file ls office:Documents', 'ztm file ls .')
  addExamples(command, 'ztm file cp report.pdf office:Documents/', 'ztm file ls office:')
}
