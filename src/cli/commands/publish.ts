import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { definePublishFile } from '../files/file-commands.ts'
import { definePublishApp } from '../packages/app-publish.ts'

/** `ztm publish app|file …` */
export function definePublish(command: Command, cli: Cli): void {
  definePublishApp(command, cli)
  definePublishFile(command.command('file'), cli)
  addExamples(command, 'ztm publish app ./notes', 'ztm publish file docs/report.pdf --input report.pdf')
}
