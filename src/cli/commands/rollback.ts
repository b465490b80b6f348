import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineRollbackApp } from '../packages/app-manage.ts'

/** `ztm rollback app …` */
export function defineRollback(command: Command, cli: Cli): void {
  defineRollbackApp(command, cli)
  addExamples(command, 'ztm rollback app alice/notes')
}
