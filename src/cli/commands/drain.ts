import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineDrainHub } from '../network/drain-hub.ts'

/** `ztm drain hub NAME` */
export function defineDrain(command: Command, cli: Cli): void {
  defineDrainHub(command, cli)
  addExamples(command, 'ztm drain hub 5.6.7.8:8888', 'ztm drain hub 5.6.7.8:8888 --undo')
}
