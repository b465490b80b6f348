import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineUnpublishApp } from '../packages/app-publish.ts'

/** `ztm unpublish app …` */
export function defineUnpublish(command: Command, cli: Cli): void {
  defineUnpublishApp(command, cli)
  addExamples(command, 'ztm unpublish app alice/notes')
}
