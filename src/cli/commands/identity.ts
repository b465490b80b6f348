import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, refuseEndpoint } from '../context.ts'
import { addExamples } from '../examples.ts'
import { print, printData } from '../output/show.ts'

/** `ztm identity` */
export function defineIdentity(command: Command, cli: Cli): void {
  command.action(async () => {
    refuseEndpoint(cli, 'show the identity')
    const identity = await callAgent(cli, AGENT_API.showIdentity, {})
    const { output } = cli.options
    if (output === 'name') print(cli, `${identity.fingerprint}\n`)
    else if (output === 'table') print(cli, `${identity.publicKey.trimEnd()}\n`)
    else await printData(cli, identity)
  })
  addExamples(command, 'ztm identity > bob.pem', 'ztm identity -o json')
}
