import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineFetch } from '../files/file-commands.ts'

/** `ztm download file …` */
export function defineDownload(command: Command, cli: Cli): void {
  defineFetch(command.command('file').summary('Fetch a file or tree, from all who have it'), cli)
  addExamples(
    command,
    'ztm download file /users/bob/photos',
    'ztm download file docs/report.pdf --to /tmp/report.pdf',
  )
}
