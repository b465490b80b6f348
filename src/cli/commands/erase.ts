import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineEraseFile } from '../files/file-commands.ts'
import { defineEraseApp } from '../packages/app-manage.ts'

/** `ztm erase app|file …` */
export function defineErase(command: Command, cli: Cli): void {
  defineEraseApp(command, cli)
  defineEraseFile(command.command('file').summary('Withdraw a file or tree, and remove it from disk'), cli)
  addExamples(command, 'ztm erase app alice/notes', 'ztm erase file docs/report.pdf --yes')
}
