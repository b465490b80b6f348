import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { z } from 'zod'
import { type MeshId, parseMeshId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import { quote } from '../core/model/quote.ts'
import { ms } from '../core/model/time.ts'
import { PATH_KINDS, type PathKind } from '../core/path/path-kind.ts'
import { parseCommerceUrl } from '../net/commerce-client.ts'
import { type Credential, type CredentialOptions, resolveCredential } from './credentials.ts'
import { readIdentityFile } from './identity-file.ts'
import { invalidConfig } from './ztm-error.ts'

/** What a context does: dials, hosts, or both. A context never does what its mode does not say. */
export type ContextMode = 'dial' | 'host' | 'both'

/** How a context is made. Everything may come from the environment instead. */
export interface ContextOptions {
  /** `https://host:port` of the controller. Else `ZTM_CONTROLLER_URL`, `ZT_CONTROLLER_URL`, `HANZO_ZT_CONTROLLER`. */
  readonly controllerUrl?: string
  /** What to log in with. Else from the environment and `~/.hanzo`; see docs/sdk.md, "Credentials". */
  readonly credentials?: CredentialOptions
  /** A certificate login: the same as `credentials: { identityFile }`, and the controller is trusted by its `ca`. */
  readonly identityFile?: string
  /** By whom the controller's certificate is signed: PEM, or the path of a PEM file. Else `ZTM_CA`. */
  readonly ca?: string
  /** Id of the mesh whose controller it must be: its root is fetched and checked against the id. Else `ZTM_MESH`. */
  readonly mesh?: string
  /** Ask Commerce for the balance before a dial, and tell it the usage. Default: where a `commerceUrl` is given. */
  readonly billing?: boolean
  /** Else `HANZO_COMMERCE_URL`. */
  readonly commerceUrl?: string
  /** Where usage waits for Commerce; in memory if absent, which does not outlive the program. */
  readonly usageFile?: string
  /** Dial, host, or both; default `both`. */
  readonly mode?: ContextMode
  /** Kinds of path to peers that may be used; all by default. */
  readonly paths?: readonly PathKind[]
  /** How long a dial or connection to the controller may take, 1 to 600,000; default 30,000. */
  readonly connectTimeoutMs?: number
  /** How long a request to the controller may take, 1 to 600,000; default 15,000. */
  readonly requestTimeoutMs?: number
  /** Hears what happens; nothing does by default. */
  readonly log?: Log
  /** The environment to look into; `process.env` by default. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where `.hanzo` is; the user's own by default. */
  readonly homeFolder?: string
}

/** By what the controller is known. */
export type ControllerTrust =
  /** PEM of the mesh's root, or of any other authority. */
  | { readonly kind: 'ca'; readonly pem: string }
  | { readonly kind: 'mesh'; readonly mesh: MeshId }
  /** The certificates of the operating system. */
  | { readonly kind: 'system' }

/** Options that were checked, with all defaults. */
export interface ContextConfig {
  /** `https://host` or `https://host:port`. */
  readonly controllerUrl: string
  readonly credential: Credential
  readonly trust: ControllerTrust
  readonly billing: { readonly commerceUrl: string; readonly usageFile: string | undefined } | undefined
  readonly mode: ContextMode
  readonly paths: readonly PathKind[]
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly log: Log
}

const textShape = z.string().trim().min(1)
const timeoutShape = z.int().min(1).max(600_000)
const optionsShape = z.strictObject({
  controllerUrl: textShape.optional(),
  credentials: z
    .union([
      z.strictObject({ apiKey: textShape }),
      z.strictObject({ jwt: textShape }),
      z.strictObject({ username: textShape, password: z.string().min(1) }),
      z.strictObject({ identityFile: textShape }),
      z.strictObject({ tokenCommand: textShape }),
    ])
    .optional(),
  identityFile: textShape.optional(),
  ca: textShape.optional(),
  mesh: textShape.optional(),
  billing: z.boolean().optional(),
  commerceUrl: textShape.optional(),
  usageFile: textShape.optional(),
  mode: z.enum(['dial', 'host', 'both']).default('both'),
  paths: z
    .array(z.enum(PATH_KINDS))
    .min(1)
    .default([...PATH_KINDS]),
  connectTimeoutMs: timeoutShape.default(30_000),
  requestTimeoutMs: timeoutShape.default(15_000),
  log: z.custom<Log>().optional(),
  env: z.custom<Readonly<Record<string, string | undefined>>>().optional(),
  homeFolder: z.string().optional(),
})
type Options = z.output<typeof optionsShape>

/**
 * Check options and fill in what the environment says.
 *
 * @throws ZtmError `invalid-config` that names the field, `auth-failed` where there are no credentials
 */
export function readContextOptions(given: ContextOptions = {}): ContextConfig {
  const options = parse(given)
  const { env = process.env, homeFolder = homedir(), mode, paths } = options
  const { connectTimeoutMs, requestTimeoutMs } = options
  if (options.identityFile !== undefined && options.credentials !== undefined) {
    throw invalidConfig('identityFile', 'is given beside credentials', 'give one of them')
  }
  const file =
    options.identityFile ??
    (options.credentials && 'identityFile' in options.credentials
      ? options.credentials.identityFile
      : undefined)
  const identity = file === undefined ? undefined : readIdentityFile(file)
  const controllerUrl = readControllerUrl(
    options.controllerUrl ??
      CONTROLLER_VARIABLES.map(name => env[name]?.trim()).find(value => value) ??
      identity?.controllerUrl,
  )
  const credential = resolveCredential(file === undefined ? options.credentials : { identityFile: file }, {
    env,
    homeFolder,
    now: () => ms(Date.now()),
  })
  return {
    controllerUrl,
    credential,
    trust: readTrust(options, env, identity?.caPem),
    billing: readBilling(options, env),
    mode,
    paths,
    connectTimeoutMs,
    requestTimeoutMs,
    log: options.log ?? SILENT_LOG,
  }
}

function parse(given: ContextOptions): Options {
  const result = optionsShape.safeParse(given)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const field = issue?.path.join('.') || 'options'
  if (issue?.code === 'unrecognized_keys') {
    const key = [...issue.path, issue.keys[0]].join('.')
    throw invalidConfig(key, 'is no option', 'see docs/sdk.md')
  }
  if (field === 'credentials') {
    const kinds = '{ apiKey }, { jwt }, { username, password }, { identityFile } or { tokenCommand }'
    throw invalidConfig(field, 'are not of one of their forms', `give ${kinds}`)
  }
  // The message of the issue tells what is wanted; the value is not repeated, as it may be a secret.
  throw invalidConfig(field, 'is not of its form', issue?.message ?? 'see docs/sdk.md')
}

function readControllerUrl(text: string | undefined): string {
  const wanted = `give https://HOST:PORT, or set ${CONTROLLER_VARIABLES[0]}`
  if (text === undefined) throw invalidConfig('controllerUrl', 'is missing', wanted)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' || url.host === '')
    throw invalidConfig('controllerUrl', `is ${quote(text.replace(/\/\/[^/]*@/, '//***@'))}`, wanted)
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  const isRoot = url.pathname === '/' || url.pathname.startsWith('/edge/')
  if (!isPlain || !isRoot) throw invalidConfig('controllerUrl', 'has more than host and port', wanted)
  return url.origin
}

function readTrust(
  options: Options,
  env: Readonly<Record<string, string | undefined>>,
  identityCa: string | undefined,
): ControllerTrust {
  if (options.ca !== undefined && options.mesh !== undefined)
    throw invalidConfig('mesh', 'is given beside ca', 'give one of them')
  if (options.ca !== undefined) return { kind: 'ca', pem: readPem(options.ca, 'ca') }
  if (options.mesh !== undefined) return readMesh(options.mesh, 'mesh')
  if (identityCa !== undefined) return { kind: 'ca', pem: identityCa }
  if (env.ZTM_CA) return { kind: 'ca', pem: readPem(env.ZTM_CA, 'ZTM_CA') }
  if (env.ZTM_MESH) return readMesh(env.ZTM_MESH, 'ZTM_MESH')
  return { kind: 'system' }
}

function readMesh(text: string, field: string): ControllerTrust {
  try {
    return { kind: 'mesh', mesh: parseMeshId(text) }
  } catch {
    throw invalidConfig(field, `is ${quote(text)}`, 'give the 26 characters of a mesh id, see `ztm get mesh`')
  }
}

function readPem(text: string, field: string): string {
  const wanted = 'give PEM text, or the path of a PEM file'
  let pem = text
  if (!text.startsWith('-----BEGIN ')) {
    try {
      pem = readFileSync(text, 'utf8')
    } catch (error) {
      throw invalidConfig(
        field,
        `names a file that cannot be read (${(error as { code?: string }).code})`,
        wanted,
      )
    }
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw invalidConfig(field, 'has no certificate', wanted)
  return pem
}

function readBilling(
  options: Options,
  env: Readonly<Record<string, string | undefined>>,
): ContextConfig['billing'] {
  if (options.billing === false) return undefined
  const commerceUrl = options.commerceUrl ?? (env.HANZO_COMMERCE_URL || undefined)
  if (commerceUrl === undefined) {
    if (options.billing !== true) return undefined
    throw invalidConfig('commerceUrl', 'is missing', 'billing needs it: give it, or set HANZO_COMMERCE_URL')
  }
  try {
    parseCommerceUrl(commerceUrl)
  } catch (error) {
    throw invalidConfig('commerceUrl', `is ${quote(commerceUrl)}`, (error as Error).message)
  }
  return { commerceUrl, usageFile: options.usageFile }
}

const CONTROLLER_VARIABLES = ['ZTM_CONTROLLER_URL', 'ZT_CONTROLLER_URL', 'HANZO_ZT_CONTROLLER'] as const
const SILENT_LOG: Log = { debug() {}, info() {}, warn() {}, error() {} }
