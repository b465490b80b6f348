import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineCopy } from '../file/define-copy.ts'
import { defineFileSpace } from '../files/file-commands.ts'

/** `ztm file publish|share|unpublish|erase|ls|find|get|cp …` */
export function defineFile(command: Command, cli: Cli): void {
  command.description(
    'Files and trees of the mesh: published where they are, found by name, tag and owner, fetched from all who have them. ' +
      'Nobody but you sees what you publish, until you share it. `cp` and `ls ENDPOINT:` are about disks as they are.',
  )
  defineFileSpace(command, cli)
  defineCopy(command, cli)
  addExamples(
    command,
    'ztm file publish report.pdf --users alice',
    'ztm file ls',
    'ztm file get /users/bob/photos',
  )
}
