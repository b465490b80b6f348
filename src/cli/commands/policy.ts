import type { Command } from 'commander'
import { z } from 'zod'
import { nameOf } from '../../core/edge/entity-members.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Cli } from '../context.ts'
import { openEdge } from '../edge/open-edge.ts'
import { addExamples } from '../examples.ts'
import { showThing } from '../output/show.ts'

/** `ztm policy test` */
export function definePolicy(command: Command, cli: Cli): void {
  const test = command
    .command('test')
    .summary('Say whether an identity may use a service, and which policy decides')
    .description(
      'Say whether an identity may dial and bind a service, which policy decides, and over which hubs it would go. ' +
        'With --type the exit code is 4 when that is denied.',
    )
    .requiredOption('--identity <identity>', 'who, by name or id')
    .requiredOption('--service <service>', 'what, by name or id')
    .option('--type <type>', 'Dial or Bind: end with 4 when it is denied', readType)
    .action((options: TestOptions) => testPolicy(cli, options))
  addExamples(
    test,
    'ztm policy test --identity ann --service db',
    'ztm policy test --identity ann --service db --type Dial -q',
  )
  addExamples(command, 'ztm policy test --identity ann --service db')
}

interface TestOptions {
  readonly identity: string
  readonly service: string
  readonly type?: 'Dial' | 'Bind'
}

async function testPolicy(cli: Cli, options: TestOptions): Promise<void> {
  const edge = await openEdge(cli)
  const identity = await edge.find('identity', options.identity)
  const service = await edge.find('service', options.service)
  const path = `/identities/${encodeURIComponent(identity.id)}/policy-advice/${encodeURIComponent(service.id)}`
  const parsed = adviceShape.safeParse(await edge.ask('GET', path))
  if (!parsed.success)
    throw new MeshError('bad-message', 'Cannot test policies: the answer is not of its form')
  const advice = parsed.data
  const isDenied =
    (options.type === 'Dial' && !advice.isDialAllowed) || (options.type === 'Bind' && !advice.isBindAllowed)
  if (isDenied) cli.exitCode = DENIED_EXIT
  if (cli.options.quiet) return
  await showThing(cli, advice, {
    name: [advice.isDialAllowed ? 'Dial' : '', advice.isBindAllowed ? 'Bind' : ''].filter(Boolean).join('\n'),
    fields: [
      ['Identity', nameOf(identity)],
      ['Service', nameOf(service)],
      ['Dial', verdict(advice.isDialAllowed, advice.dialPolicy)],
      ['Bind', verdict(advice.isBindAllowed, advice.bindPolicy)],
      ['Hubs', hubsOf(advice.commonRouters)],
      ['Because', advice.explanation],
    ],
  })
}

function verdict(isAllowed: boolean, policy: string | null | undefined): string {
  if (!isAllowed) return 'denied: no policy allows it'
  return policy == null ? 'allowed' : `allowed by policy ${policy}`
}

function hubsOf(routers: readonly { readonly name: string; readonly isOnline: boolean }[]): string[] {
  return routers.map(({ name, isOnline }) => `${name} (${isOnline ? 'online' : 'offline'})`)
}

function readType(text: string): 'Dial' | 'Bind' {
  const type = ['Dial', 'Bind'].find(each => each.toLowerCase() === text.toLowerCase())
  if (type === undefined) throw new MeshError('bad-usage', 'Cannot read --type: write Dial or Bind')
  return type as 'Dial' | 'Bind'
}

const adviceShape = z.looseObject({
  isDialAllowed: z.boolean(),
  isBindAllowed: z.boolean(),
  /** Its name. */
  dialPolicy: z.string().nullish(),
  bindPolicy: z.string().nullish(),
  commonRouters: z.array(z.looseObject({ name: z.string(), isOnline: z.boolean() })),
  explanation: z.array(z.string()).default([]),
})
/** As an error `denied` would end with. */
const DENIED_EXIT = 4
