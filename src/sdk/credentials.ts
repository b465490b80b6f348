import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { Ms } from '../core/model/time.ts'
import { type IdentityFile, readIdentityFile } from './identity-file.ts'
import { createTokenSource, type TokenSource } from './token-command.ts'
import { invalidConfig, ZtmError } from './ztm-error.ts'

/** What a program logs in with; exactly one of these. */
export type CredentialOptions =
  | { readonly apiKey: string }
  | { readonly jwt: string }
  | { readonly username: string; readonly password: string }
  /** Path of a file with a certificate and its key, as enrolment gives it. */
  | { readonly identityFile: string }
  /** A program and its arguments, between blanks, that prints a JWT. Run without a shell. */
  | { readonly tokenCommand: string }

/** What a login shows to the controller. Secret. */
export interface LoginProof {
  readonly method: 'ext-jwt' | 'api-key' | 'password' | 'cert'
  readonly authorization?: string
  readonly body?: { readonly username: string; readonly password: string }
}

/** What a program logs in with. Prints as its `display`, however it is printed. */
export interface Credential {
  readonly authMethod: 'ext-jwt' | 'api-key' | 'password' | 'cert'
  /** For people: never the secret. */
  display(): string
  /** What to show now. @throws ZtmError `auth-failed` if there is nothing to show */
  proof(): Promise<LoginProof>
  /** The token for Commerce. @throws ZtmError `auth-failed` for one that has none */
  token(): Promise<string>
  /** Certificate and key, where they are the login. */
  readonly identity: IdentityFile | undefined
  /** Run ahead of need; present where a token comes from a program. */
  readonly source: TokenSource | undefined
}

/** Where credentials are looked for. */
export interface CredentialPlaces {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly homeFolder: string
  readonly now: () => Ms
}

/**
 * Find what to log in with: what is given, else `HANZO_API_KEY`, `ZTM_JWT`, `HANZO_JWT`, the file `HANZO_AUTH_FILE` names or
 * `~/.hanzo/auth.json`, `~/.hanzo/credentials.json`.
 *
 * @throws ZtmError `invalid-config` for what is given and wrong, `auth-failed` that says where it looked
 */
export function resolveCredential(
  given: CredentialOptions | undefined,
  places: CredentialPlaces,
): Credential {
  if (given !== undefined) return fromOptions(given, places)
  const { env, homeFolder } = places
  for (const name of ['HANZO_API_KEY', 'ZTM_JWT', 'HANZO_JWT']) {
    const token = env[name]?.trim()
    if (token !== undefined && token !== '') return tokenCredential(token)
  }
  const files = [
    env.HANZO_AUTH_FILE || join(homeFolder, '.hanzo', 'auth.json'),
    join(homeFolder, '.hanzo', 'credentials.json'),
  ]
  for (const file of files) {
    const found = fromFile(file)
    if (found !== undefined) return found
  }
  throw new ZtmError('auth-failed', {
    code: 'not-logged-in',
    message:
      `Cannot create context: no credentials: looked at HANZO_API_KEY, ZTM_JWT, HANZO_JWT, ${files.join(', ')}: ` +
      'give credentials: { apiKey }, { jwt }, { username, password }, { identityFile } or { tokenCommand }',
  })
}

function fromOptions(given: CredentialOptions, { now }: CredentialPlaces): Credential {
  if ('apiKey' in given) return tokenCredential(given.apiKey)
  if ('jwt' in given) return tokenCredential(given.jwt)
  if ('username' in given) return passwordCredential(given)
  if ('identityFile' in given) return certificateCredential(given.identityFile)
  return commandCredential(given.tokenCommand, now)
}

function tokenCredential(token: string, email?: string): Credential {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw invalidConfig('credentials', 'hold a token with blanks or other than ASCII', 'give the token alone')
  }
  const authMethod = isJwt(token) ? 'ext-jwt' : 'api-key'
  return masked({
    authMethod,
    display: () => maskToken(token, email),
    proof: async () => ({ method: authMethod, authorization: `Bearer ${token}` }),
    token: async () => token,
    identity: undefined,
    source: undefined,
  })
}

function passwordCredential({ username, password }: { username: string; password: string }): Credential {
  return masked({
    authMethod: 'password',
    display: () => `password of ${username}`,
    proof: async () => ({ method: 'password', body: { username, password } }),
    token: noToken,
    identity: undefined,
    source: undefined,
  })
}

function certificateCredential(path: string): Credential {
  const identity = readIdentityFile(path)
  return masked({
    authMethod: 'cert',
    display: () => `identity file ${path}`,
    proof: async () => ({ method: 'cert' }),
    token: noToken,
    identity,
    source: undefined,
  })
}

function commandCredential(command: string, now: () => Ms): Credential {
  const source = createTokenSource({ command, now })
  return masked({
    authMethod: 'ext-jwt',
    display: () => `token command ${source.program}`,
    proof: async () => ({ method: 'ext-jwt', authorization: `Bearer ${await source.fresh()}` }),
    token: () => source.atHand(),
    identity: undefined,
    source,
  })
}

async function noToken(): Promise<never> {
  const message = 'Cannot pay: this login has no token to show to Commerce: log in with a JWT or API key'
  throw new ZtmError('auth-failed', { code: 'not-logged-in', message })
}

/** `{ token | api_key, email? }`; undefined where there is no file, or nothing in it to use. */
function fromFile(path: string): Credential | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw authFileError(path, `cannot be read (${code ?? 'unknown'})`)
  }
  let value: Record<string, unknown> | null
  try {
    value = JSON.parse(text)
  } catch {
    // Without the cause: it quotes what it could not read.
    throw authFileError(path, 'is not JSON')
  }
  const word = (name: string) => {
    const found = value?.[name]
    return typeof found === 'string' && found.trim() !== '' ? found.trim() : undefined
  }
  const token = word('token') ?? word('api_key')
  return token === undefined ? undefined : tokenCredential(token, word('email'))
}

function authFileError(path: string, state: string): ZtmError {
  const message = `Cannot create context: ${path} ${state}: mend it, or give credentials`
  return new ZtmError('auth-failed', { code: 'not-logged-in', message })
}

/** Whether a token is three parts of base64url: a JWS, and so a JWT; an API key is opaque. */
export function isJwt(token: string): boolean {
  return /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(token)
}

/** A token as it may be shown: `Hanzo IAM (<email>)`, `Hanzo API key (...12345)`, `Hanzo API key (***)`. */
export function maskToken(token: string, email?: string): string {
  if (email !== undefined && email !== '') return `Hanzo IAM (${email})`
  return token.length > 8 ? `Hanzo API key (...${token.slice(-5)})` : 'Hanzo API key (***)'
}

/** However it is turned into text, it is its `display`. */
function masked(credential: Credential): Credential {
  const display = () => credential.display()
  const shown = {
    toString: { value: display },
    toJSON: { value: display },
    [Symbol.toPrimitive]: { value: display },
    [inspect.custom]: { value: display },
  }
  for (const key of Object.keys(credential)) Object.defineProperty(credential, key, { enumerable: false })
  return Object.defineProperties(credential, shown)
}
