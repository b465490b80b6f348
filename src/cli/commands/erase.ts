import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineEraseApp } from '../packages/app-manage.ts'

/** `ztm erase app …` */
export function defineErase(command: Command, cli: Cli): void {
  defineEraseApp(command, cli)
  addExamples(command, 'ztm erase app alice/notes')
}
