import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { definePublishApp } from '../packages/app-publish.ts'

/** `ztm publish app …` */
export function definePublish(command: Command, cli: Cli): void {
  definePublishApp(command, cli)
  addExamples(command, 'ztm publish app ./notes')
}
