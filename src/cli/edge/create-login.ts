import { type Command, Option } from 'commander'
import { EDGE_KINDS } from '../../core/edge/edge-kinds.ts'
import { type Entity, memberOf } from '../../core/edge/entity-members.ts'
import { MeshError } from '../../core/model/errors.ts'
import { formatSpan, type Ms } from '../../core/model/time.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { parseSpanOption } from '../global-options.ts'
import { print, remark, report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { openSecret, readInput } from '../read-input.ts'
import { openEdge } from './open-edge.ts'

interface EnrollmentOptions {
  readonly method: 'ott' | 'updb'
  readonly expires: Ms
  readonly username?: string
  readonly jwt?: string
}

/** `ztm create enrollment IDENTITY` */
export function defineCreateEnrollment(command: Command, cli: Cli): void {
  const { words, about } = EDGE_KINDS.enrollment
  const inner = command
    .command(words[0])
    .aliases(words.slice(1))
    .summary(`Create ${about}`)
    .argument('<identity>', 'for whom, by name or id')
    .addOption(
      new Option('--method <method>', 'what it gives: a certificate, or a password')
        .choices(['ott', 'updb'])
        .default('ott'),
    )
    .option('--expires <span>', 'how long it can be used', parseSpanOption, 10_800_000 as Ms)
    .option('--username <name>', 'whose password, with --method updb')
    .option('--jwt <file>', 'write the token to a file (mode 0600) instead of printing it')
    .action((identity: string, options: EnrollmentOptions) => createEnrollment(cli, identity, options))
  addExamples(
    inner,
    'ztm create enrollment ann --jwt ann.jwt',
    'ztm create enrollment bob --method updb --username bob --expires 1h',
  )
}

async function createEnrollment(cli: Cli, reference: string, options: EnrollmentOptions): Promise<void> {
  const edge = await openEdge(cli)
  const identity = await edge.find('identity', reference)
  const { method, expires, username, jwt: file } = options
  await using place = await openSecret(cli, file, 'token')
  const id = await edge.create('enrollment', {
    identityId: identity.id,
    method,
    expiresAt: new Date(cli.world.clock.now() + expires).toISOString(),
    ...(username !== undefined && { username }),
  })
  const entity = await edge.show('enrollment', id)
  const token = tokenOf(entity)
  await place?.write(token)
  if (cli.options.output !== 'table') return report(cli, '', { name: id, data: entity })
  if (file === undefined) print(cli, `${visible(token)}\n`)
  remark(
    cli,
    `Good once, for ${formatSpan(expires)}; take it back with \`ztm delete enrollment ${visible(id)}\``,
  )
}

/** What the client is given: a JWT that says where to go, or the bare token. */
function tokenOf(entity: Entity): string {
  const { jwt, token } = entity
  return typeof jwt === 'string' && jwt !== '' ? jwt : String(token)
}

interface AuthenticatorOptions {
  readonly method: 'api-key' | 'updb'
  readonly expires?: Ms
  readonly username?: string
  readonly password?: string
  readonly key?: string
}

/** `ztm create authenticator IDENTITY` */
export function defineCreateAuthenticator(command: Command, cli: Cli): void {
  const { words, about } = EDGE_KINDS.authenticator
  const inner = command
    .command(words[0])
    .aliases(words.slice(1))
    .summary(`Create ${about}: an API key or a password`)
    .argument('<identity>', 'whose, by name or id')
    .addOption(new Option('--method <method>', 'what it is').choices(['api-key', 'updb']).default('api-key'))
    .option('--expires <span>', 'how long the key is good, as 90d (default: for good)', parseSpanOption)
    .option('--key <file>', 'write the key to a file (mode 0600) instead of printing it')
    .option('--username <name>', 'who logs in with the password, with --method updb')
    .option('--password <file>', 'the password, in a file; - for standard input')
    .action((identity: string, options: AuthenticatorOptions) => createAuthenticator(cli, identity, options))
  addExamples(
    inner,
    'ztm create authenticator build --expires 90d --key build.key',
    'ztm create authenticator ann --method updb --username ann --password -',
  )
}

async function createAuthenticator(
  cli: Cli,
  reference: string,
  options: AuthenticatorOptions,
): Promise<void> {
  const { method, expires, username, password: file, key } = options
  if (method === 'updb' && (username === undefined || file === undefined)) {
    throw new MeshError(
      'bad-usage',
      'Cannot create a password: it needs --username and --password: see `ztm help create authenticator`',
    )
  }
  const edge = await openEdge(cli)
  const identity = await edge.find('identity', reference)
  const password = file === undefined ? undefined : await readInput(cli, file, 'password')
  await using place = await openSecret(cli, key, 'API key')
  const data = await edge.ask('POST', '/authenticators', {
    identityId: identity.id,
    method,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: password.replace(/\r?\n$/, '') }),
    ...(expires !== undefined && { expiresAt: new Date(cli.world.clock.now() + expires).toISOString() }),
  })
  const id = String(memberOf(data, 'id'))
  const apiKey = memberOf(data, 'apiKey')
  if (typeof apiKey !== 'string')
    return report(cli, `Set the password of ${visible(reference)}`, { name: id, data })
  await place?.write(apiKey)
  if (cli.options.output !== 'table') return report(cli, '', { name: id, data })
  if (key === undefined) print(cli, `${visible(apiKey)}\n`)
  remark(cli, `Shown this once; take it back with \`ztm delete authenticator ${visible(id)}\``)
}

/** `ztm update authenticator ID` */
export function defineUpdateAuthenticator(command: Command, cli: Cli): void {
  const { words } = EDGE_KINDS.authenticator
  const inner = command
    .command(words[0])
    .aliases(words.slice(1))
    .summary('Set another password, which ends a lock after wrong tries')
    .argument('<authenticator>', 'which, by id: see `ztm get authenticator`')
    .requiredOption('--password <file>', 'the password, in a file; - for standard input')
    .option('--username <name>', 'who logs in with it, if that is to be another')
    .action((id: string, options: { password: string; username?: string }) =>
      updateAuthenticator(cli, id, options),
    )
  addExamples(inner, 'ztm update authenticator 0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11 --password -')
}

async function updateAuthenticator(
  cli: Cli,
  reference: string,
  { password: file, username }: { readonly password: string; readonly username?: string },
): Promise<void> {
  const edge = await openEdge(cli)
  const { id } = await edge.find('authenticator', reference)
  const password = await readInput(cli, file, 'password')
  await edge.ask('PUT', `/authenticators/${encodeURIComponent(id)}`, {
    ...(username !== undefined && { username }),
    password: password.replace(/\r?\n$/, ''),
  })
  await report(cli, `Set the password of ${visible(id)}`, { name: id, data: { id } })
}
