import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { print, report } from '../output/show.ts'
import { longVersion, VERSION } from '../version.ts'

/** `ztm version` */
export function defineVersion(command: Command, cli: Cli): void {
  command.action(async () => {
    if (cli.options.output === 'table') return print(cli, `${longVersion()}\n`)
    const data = { version: VERSION, node: process.version, platform: `${process.platform}-${process.arch}` }
    await report(cli, '', { name: VERSION, data })
  })
  addExamples(command, 'ztm version', 'ztm version -o json')
}
