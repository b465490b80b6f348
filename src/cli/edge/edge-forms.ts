import type { EdgeClient } from '../../core/edge/edge-client.ts'
import type { EdgeKind } from '../../core/edge/edge-kinds.ts'
import type { Json } from '../../core/edge/entity-members.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Cli } from '../context.ts'
import { integerOption, parseSpanOption } from '../global-options.ts'
import { readInput } from '../read-input.ts'

/** The kinds that `ztm create` and `ztm update` know. */
export type WritableKind = Exclude<
  EdgeKind,
  'authenticator' | 'terminator' | 'session' | 'api-session' | 'enrollment'
>

/** One option of a form, and the member of the entity that it sets. */
export interface FormOption {
  readonly flags: string
  readonly about: string
  /** Where its value goes: `primary.updb.maxAttempts`. */
  readonly member: string
  readonly choices?: readonly string[]
  /** As commander's own. @throws InvalidArgumentError */
  readonly parse?: (text: string) => unknown
  /** What goes into the member; the option's value itself, if absent. */
  readonly value?: (value: never, tools: FormTools) => unknown
  /** `create` is no use without it. */
  readonly isRequired?: true
}

/** What turns words of the command line into members of an entity. */
export interface FormTools {
  readonly cli: Cli
  readonly edge: EdgeClient
}

/** How an entity of a kind is written on the command line. */
export interface EdgeForm {
  readonly options: readonly FormOption[]
  /** What a new one has besides what its options say. */
  readonly base: Readonly<Record<string, Json>>
  readonly examples: readonly string[]
}

const attributes: FormOption = {
  flags: '-a, --attributes <attribute...>',
  about: 'role attributes, by which policies select it',
  member: 'roleAttributes',
}
const semantic: FormOption = {
  flags: '--semantic <semantic>',
  about: 'whether one attribute is enough, or all must be there',
  member: 'semantic',
  choices: ['AnyOf', 'AllOf'],
}

/** Options of each kind; `addFormOptions` adds those that all have. */
export const EDGE_FORMS: Readonly<Record<WritableKind, EdgeForm>> = {
  identity: {
    options: [
      { flags: '--type <type>', about: 'what it is', member: 'type', choices: ['User', 'Device', 'Service'] },
      { flags: '--admin', about: 'it may manage this controller', member: 'isAdmin' },
      { flags: '--no-admin', about: 'it may not', member: 'isAdmin' },
      attributes,
      {
        flags: '--external-id <id>',
        about: 'what tokens of an external signer call it',
        member: 'externalId',
      },
      {
        flags: '--auth-policy <auth-policy>',
        about: 'the auth policy that says how it logs in',
        member: 'authPolicyId',
        value: idOf('auth-policy'),
      },
    ],
    base: { type: 'User', isAdmin: false },
    examples: [
      'identity ann --attributes sales berlin --external-id ann@example.com',
      'identity build --type Service',
    ],
  },
  service: {
    options: [
      attributes,
      {
        flags: '--configs <config...>',
        about: 'configs, by name or id',
        member: 'configs',
        value: idsOf('config'),
      },
      {
        flags: '--strategy <strategy>',
        about: 'how one of several hosts is chosen',
        member: 'terminatorStrategy',
        choices: ['smartrouting', 'weighted', 'random', 'sticky'],
      },
      {
        flags: '--max-idle <span>',
        about: 'end a stream that carries nothing for so long, as 10m',
        member: 'maxIdleTimeMillis',
        parse: parseSpanOption,
      },
    ],
    base: { encryptionRequired: true },
    examples: ['service db --attributes data', 'service tcp/web --strategy weighted'],
  },
  policy: {
    options: [
      {
        flags: '--type <type>',
        about: 'what it allows',
        member: 'type',
        choices: ['Dial', 'Bind'],
        isRequired: true,
      },
      semantic,
      roles('--identities <role...>', 'identityRoles', 'who'),
      roles('--services <role...>', 'serviceRoles', 'what'),
    ],
    base: { semantic: 'AnyOf' },
    examples: [
      'policy sales-dial --type Dial --identities sales --services @db',
      "policy all-host --type Bind --semantic AllOf --identities '#hosts' '#eu' --services all",
    ],
  },
  'edge-router-policy': {
    options: [
      semantic,
      roles('--identities <role...>', 'identityRoles', 'who'),
      roles('--routers <role...>', 'edgeRouterRoles', 'may use which hubs'),
    ],
    base: { semantic: 'AnyOf' },
    examples: ['edge-router-policy eu --identities eu --routers eu'],
  },
  'service-edge-router-policy': {
    options: [
      semantic,
      roles('--services <role...>', 'serviceRoles', 'what'),
      roles('--routers <role...>', 'edgeRouterRoles', 'is reached by which hubs'),
    ],
    base: { semantic: 'AnyOf' },
    examples: ['service-edge-router-policy eu --services eu --routers eu'],
  },
  'edge-router': {
    options: [
      attributes,
      {
        flags: '--cost <cost>',
        about: 'of two hubs the cheaper is taken',
        member: 'cost',
        parse: integerOption([0, 65_535]),
      },
      { flags: '--disabled', about: 'nobody is sent to it', member: 'disabled' },
      { flags: '--enabled', about: 'it is used again', member: 'disabled', value: () => false },
    ],
    base: {},
    examples: [],
  },
  signer: {
    options: [
      { flags: '--issuer <issuer>', about: 'claim `iss` of its tokens', member: 'issuer', isRequired: true },
      { flags: '--audience <audience>', about: 'claim `aud` of them', member: 'audience', isRequired: true },
      {
        flags: '--jwks <url>',
        about: 'where it publishes its keys; found by the issuer if left out',
        member: 'jwksEndpoint',
      },
      {
        flags: '--certificate <file>',
        about: 'or its one certificate (PEM), with --kid',
        member: 'certPem',
        value: (file: string, { cli }) => readInput(cli, file, 'certificate'),
      },
      { flags: '--kid <kid>', about: 'id of the key in the certificate', member: 'kid' },
      {
        flags: '--claim <claim>',
        about: 'claim that says who it is (default: sub)',
        member: 'claimsProperty',
      },
      {
        flags: '--by-id',
        about: 'that claim is an identity id here, not an external one',
        member: 'useExternalId',
        value: () => false,
      },
      { flags: '--client-id <id>', about: 'client id for programs that log people in', member: 'clientId' },
      { flags: '--scopes <scope...>', about: 'scopes for them', member: 'scopes' },
      { flags: '--auth-url <url>', about: 'where they go to log in', member: 'externalAuthUrl' },
      { flags: '--enabled', about: 'its tokens are good', member: 'enabled' },
      { flags: '--disabled', about: 'they are not', member: 'enabled', value: () => false },
    ],
    base: { enabled: true },
    examples: [
      'signer corp --issuer https://login.example.com --audience ztm --jwks https://login.example.com/jwks.json --claim email',
    ],
  },
  'auth-policy': authPolicyForm(),
  config: {
    options: [
      {
        flags: '--type <config-type>',
        about: 'the config type: intercept.v1, host.v1 or one of your own',
        member: 'configTypeId',
        value: idOf('config-type'),
        isRequired: true,
      },
      {
        flags: '--value <json>',
        about: 'what it says, as JSON or YAML',
        member: 'data',
        value: (text: string) => parseData(text, 'value'),
      },
      {
        flags: '--file <file>',
        about: 'or a file that says it; - for standard input',
        member: 'data',
        value: async (file: string, { cli }) => parseData(await readInput(cli, file, 'config'), 'config'),
      },
    ],
    base: { data: {} },
    examples: [
      `config db-host --type host.v1 --value '{"protocol":"tcp","address":"127.0.0.1","port":5432}'`,
      'config db-name --type intercept.v1 --file db-name.yaml',
    ],
  },
  'config-type': {
    options: [
      {
        flags: '--schema <file>',
        about: 'JSON schema of what configs of it say; - for standard input',
        member: 'schema',
        value: async (file: string, { cli }) => parseData(await readInput(cli, file, 'schema'), 'schema'),
      },
      {
        flags: '--target <target>',
        about: 'what it is about',
        member: 'target',
        choices: ['service', 'router'],
      },
    ],
    base: { schema: { type: 'object' } },
    examples: ['config-type limits.v1 --schema limits.schema.json'],
  },
}

function authPolicyForm(): EdgeForm {
  const logins = { cert: 'cert', 'ext-jwt': 'extJwt', password: 'updb', 'api-key': 'apiKey' } as const
  const methods = Object.keys(logins) as (keyof typeof logins)[]
  return {
    options: [
      {
        flags: '--allow <method...>',
        about: 'the logins that are good; all others are not',
        member: 'primary',
        choices: methods,
        value: (allowed: readonly string[]) =>
          Object.fromEntries(methods.map(method => [logins[method], { allowed: allowed.includes(method) }])),
      },
      {
        flags: '--signers <signer...>',
        about: 'whose tokens are good (default: those of all signers)',
        member: 'primary.extJwt.allowedSigners',
        value: idsOf('signer'),
      },
      {
        flags: '--min-length <count>',
        about: 'shortest password, in characters',
        member: 'primary.updb.minPasswordLength',
        parse: integerOption([1, 1_024]),
      },
      {
        flags: '--max-attempts <count>',
        about: 'wrong passwords until it is locked; 0 is never',
        member: 'primary.updb.maxAttempts',
        parse: integerOption([0, 1_000]),
      },
      {
        flags: '--lockout <span>',
        about: 'how long it is locked, as 10m; 0m is until somebody unlocks it',
        member: 'primary.updb.lockoutDurationMinutes',
        parse: parseSpanOption,
        value: (span: number) => Math.ceil(span / 60_000),
      },
      {
        flags: '--second-signer <signer>',
        about: 'a token of this signer is wanted besides',
        member: 'secondary.requireExtJwtSigner',
        value: idOf('signer'),
      },
    ],
    base: {
      primary: {
        cert: { allowed: true, allowExpiredCerts: false },
        extJwt: { allowed: true, allowedSigners: [] },
        updb: {
          allowed: true,
          minPasswordLength: 8,
          requireSpecialChar: false,
          requireNumberChar: false,
          requireMixedCase: false,
          maxAttempts: 5,
          lockoutDurationMinutes: 5,
        },
        apiKey: { allowed: true },
      },
      secondary: {},
    },
    examples: [
      'auth-policy people --allow ext-jwt --signers corp',
      'auth-policy robots --allow api-key cert',
    ],
  }
}

function roles(flags: string, member: string, what: string): FormOption {
  return {
    flags,
    about: `${what}: attributes (or #attribute), all, and @name for one`,
    member,
    value: (words: readonly string[]) => words.map(readRole),
  }
}

/** A role as it is typed: an attribute needs no sign, as a shell takes `#` for a comment. */
function readRole(word: string): string {
  return /^[#@]/.test(word) ? word : `#${word}`
}

function idOf(kind: EdgeKind) {
  return async (name: string, { edge }: FormTools): Promise<string> => (await edge.find(kind, name)).id
}

function idsOf(kind: EdgeKind) {
  return async (names: readonly string[], { edge }: FormTools): Promise<string[]> => {
    const ids: string[] = []
    for (const name of names) ids.push((await edge.find(kind, name)).id)
    return ids
  }
}

async function parseData(text: string, what: string): Promise<Json> {
  const { parse } = await import('yaml')
  let data: unknown
  try {
    data = parse(text)
  } catch (cause) {
    throw new MeshError('bad-input', `Cannot read ${what}: it is neither JSON nor YAML`, { cause })
  }
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data as Json
  throw new MeshError('bad-input', `Cannot read ${what}: it is ${quote(data, 40)}, not an object`)
}
