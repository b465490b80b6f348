import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineInstallApp } from '../packages/app-install.ts'

/** `ztm install app …` */
export function defineInstall(command: Command, cli: Cli): void {
  defineInstallApp(command, cli)
  addExamples(command, 'ztm install app alice/notes')
}
