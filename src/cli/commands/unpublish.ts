import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineUnpublishFile } from '../files/file-commands.ts'
import { defineUnpublishApp } from '../packages/app-publish.ts'

/** `ztm unpublish app|file …` */
export function defineUnpublish(command: Command, cli: Cli): void {
  defineUnpublishApp(command, cli)
  defineUnpublishFile(command.command('file'), cli)
  addExamples(command, 'ztm unpublish app alice/notes', 'ztm unpublish file docs/report.pdf')
}
