import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineFetch } from '../files/file-commands.ts'
import { defineDownloadApp } from '../packages/app-install.ts'

/** `ztm download file|app …` */
export function defineDownload(command: Command, cli: Cli): void {
  defineFetch(command.command('file').summary('Fetch a file or tree, from all who have it'), cli)
  defineDownloadApp(command, cli)
  addExamples(
    command,
    'ztm download file /users/bob/photos',
    'ztm download file docs/report.pdf --to /tmp/report.pdf',
    'ztm download app alice/notes --yes',
  )
}
