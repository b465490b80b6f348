import type { Command } from 'commander'
import type { EdgeClient } from '../../core/edge/edge-client.ts'
import { EDGE_KINDS } from '../../core/edge/edge-kinds.ts'
import { type Json, layOver, memberOf } from '../../core/edge/entity-members.ts'
import type { Cli } from '../context.ts'
import {
  defineCreateAuthenticator,
  defineCreateEnrollment,
  defineUpdateAuthenticator,
} from '../edge/create-login.ts'
import { EDGE_FORMS, type WritableKind } from '../edge/edge-forms.ts'
import { openEdge } from '../edge/open-edge.ts'
import { addFormOptions, readForm } from '../edge/read-form.ts'
import { defineCreateTerminator, defineUpdateTerminator } from '../edge/terminators.ts'
import { addExamples } from '../examples.ts'
import { parseSpanOption } from '../global-options.ts'
import { defineCreateHub } from '../network/hubs.ts'
import { remark, report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { defineUpdateApp } from '../packages/app-install.ts'
import { defineCreateGroup, defineUpdateGroup } from '../people/groups.ts'
import { defineUpdateUser } from '../people/users.ts'
import { openSecret } from '../read-input.ts'

/** `ztm create KIND NAME …` */
export function defineCreate(command: Command, cli: Cli): void {
  command.description(
    'Create something at the controller (administrators). Roles of policies are attributes (#sales, or just sales), ' +
      'all (everybody), and @name for one.',
  )
  for (const kind of Object.keys(EDGE_FORMS) as WritableKind[]) {
    // A hub is not made by declaring it.
    if (kind === 'edge-router') continue
    const { words, about } = EDGE_KINDS[kind]
    const inner = command
      .command(words[0])
      .aliases(words.slice(1))
      .summary(`Create ${about}`)
      .argument('<name>', 'what it is called')
    addFormOptions(inner, kind, true)
    if (kind === 'identity') addEnrollmentOptions(inner)
    inner.action((name: string, options: Record<string, unknown>) => create(cli, kind, name, options))
    addExamples(inner, ...EDGE_FORMS[kind].examples.map(example => `ztm create ${example}`))
  }
  defineCreateEnrollment(command, cli)
  defineCreateAuthenticator(command, cli)
  defineCreateTerminator(command, cli)
  defineCreateGroup(command, cli)
  defineCreateHub(command, cli)
  addExamples(
    command,
    'ztm create service db --attributes data',
    'ztm create identity ann --attributes sales --ott ann.jwt',
    'ztm create policy sales-dial --type Dial --identities sales --services data',
  )
}

function addEnrollmentOptions(command: Command): void {
  command
    .option('--ott <file>', 'also make a one-time token by which it gets a certificate, and write it there')
    .option('--login <username>', 'also make a one-time token by which it sets the password for this name')
}

async function create(
  cli: Cli,
  kind: WritableKind,
  name: string,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const edge = await openEdge(cli)
  const said = await readForm(kind, options, { cli, edge })
  const enrollment = {
    ...(options.ott !== undefined && { ott: true }),
    ...(options.login !== undefined && { updb: options.login as string }),
  }
  const body = layOver({ ...EDGE_FORMS[kind].base, name }, said) as Record<string, Json>
  if (Object.keys(enrollment).length > 0) body.enrollment = enrollment
  await using place = await openSecret(cli, options.ott as string | undefined, 'token')
  const id = await edge.create(kind, body)
  const entity = await edge.show(kind, id)
  const [word] = EDGE_KINDS[kind].words
  await report(cli, `Created ${word} ${visible(name)}`, { name, data: entity })
  const jwt = memberOf(entity, 'enrollment.ott.jwt')
  if (typeof jwt === 'string') await place?.write(jwt)
  const token = memberOf(entity, 'enrollment.updb.token')
  if (options.login !== undefined && typeof token === 'string') {
    remark(cli, `Token to set a password with, good once: ${visible(token)}`)
  }
}

/** `ztm update KIND NAME …` */
export function defineUpdate(command: Command, cli: Cli): void {
  command.description(
    'Change something at the controller (administrators): what no option names stays as it is; a list is replaced.',
  )
  for (const kind of Object.keys(EDGE_FORMS) as WritableKind[]) {
    const { words, about } = EDGE_KINDS[kind]
    const inner = command
      .command(words[0])
      .aliases(words.slice(1))
      .summary(`Change ${about}`)
      .argument(`<${words[0]}>`, 'which, by name or id')
      .option('--rename <name>', 'call it so from now on')
    addFormOptions(inner, kind, false)
    if (kind === 'identity') {
      inner
        .option(
          '--disable [span]',
          'end its logins and let it in no more, for good or for a time, as 1h',
          parseSpanOption,
        )
        .option('--enable', 'let it in again')
    }
    inner.action((name: string, options: Record<string, unknown>) => update(cli, kind, name, options))
    addExamples(inner, ...UPDATE_EXAMPLES[kind].map(example => `ztm update ${example}`))
  }
  defineUpdateTerminator(command, cli)
  defineUpdateAuthenticator(command, cli)
  defineUpdateGroup(command, cli)
  defineUpdateUser(command, cli)
  defineUpdateApp(command, cli)
  addExamples(
    command,
    'ztm update service db --attributes data eu',
    'ztm update policy sales-dial --identities sales support',
    'ztm update identity ann --disable 1h',
  )
}

async function update(
  cli: Cli,
  kind: WritableKind,
  reference: string,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const edge = await openEdge(cli)
  const { id, name } = await edge.find(kind, reference)
  const body = await readForm(kind, options, { cli, edge })
  if (options.rename !== undefined) body.name = options.rename as string
  if (Object.keys(body).length > 0) await edge.patch(kind, id, body)
  await switchIdentity(edge, id, options)
  const [word] = EDGE_KINDS[kind].words
  const data = await edge.show(kind, id)
  await report(cli, `Updated ${word} ${visible(String(name))}`, { name: String(data.name), data })
}

async function switchIdentity(
  edge: EdgeClient,
  id: string,
  { disable, enable }: Readonly<Record<string, unknown>>,
): Promise<void> {
  const path = `/identities/${encodeURIComponent(id)}`
  if (enable === true) await edge.ask('POST', `${path}/enable`)
  if (disable === undefined) return
  const durationMinutes = typeof disable === 'number' ? Math.ceil(disable / 60_000) : 0
  await edge.ask('POST', `${path}/disable`, { durationMinutes })
}

const UPDATE_EXAMPLES: Readonly<Record<WritableKind, readonly string[]>> = {
  identity: ['identity ann --attributes sales', 'identity ann --rename anna', 'identity ann --disable 1h'],
  service: ['service db --strategy weighted --configs db-host'],
  policy: ['policy sales-dial --identities sales support'],
  'edge-router-policy': ['edge-router-policy eu --identities eu uk'],
  'service-edge-router-policy': ['service-edge-router-policy eu --services eu uk'],
  'edge-router': ['edge-router 1.2.3.4 --attributes eu public --cost 10'],
  signer: ['signer corp --disabled', 'signer corp --jwks https://login.example.com/new.json'],
  'auth-policy': ['auth-policy people --max-attempts 3 --lockout 30m'],
  config: ["config db-host --value '{port: 5433, address: 127.0.0.1, protocol: tcp}'"],
  'config-type': ['config-type limits.v1 --schema limits.schema.json'],
}
