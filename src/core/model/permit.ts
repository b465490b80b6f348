import { z } from 'zod'
import { formatAddress, parseAddress } from './address.ts'
import { MeshError } from './errors.ts'
import { type MeshId, parseMeshId } from './ids.ts'
import { type Name, parseName, parseUserName, type UserName } from './names.ts'
import { quote } from './quote.ts'

/**
 * What admits a computer to a mesh: whom to trust, where the hubs are, and either a key that may ask for certificates or
 * a one-time token. As a file it is JSON of these very fields.
 */
export interface Permit {
  /** The root's certificate, PEM. */
  readonly ca: string
  readonly agent: {
    /** Chain of the permit's own identity, PEM; present exactly where `privateKey` is. */
    readonly certificate?: string
    /** Secret; does nothing but sign in for an `enroll` call. */
    readonly privateKey?: string
    /** Labels that the endpoint gets. */
    readonly labels?: readonly Name[]
  }
  /** Addresses of hubs, `host:port`. */
  readonly bootstraps: readonly string[]
  /** Secret; works once. */
  readonly token?: string
  readonly user?: UserName
  readonly expiresAtMs?: number
}

/** A permit as a link: short enough for a chat or a QR code. The mesh id stands for the root, which the hub gives. */
export interface PermitLink {
  readonly bootstraps: readonly string[]
  readonly mesh: MeshId
  /** Secret; works once. */
  readonly token: string
}

/**
 * Read the text of a permit file.
 *
 * Printing the result (`console.log`, `JSON.stringify`) shows `***` for its secrets; `formatPermit` writes them.
 *
 * @throws MeshError `bad-permit`, saying which part is missing or wrong
 */
export function parsePermit(text: string): Permit {
  if (text.length > MAX_PERMIT_LENGTH)
    throw badPermit(`${text.length} characters: at most ${MAX_PERMIT_LENGTH}`)
  const json = parseJson(text)
  const result = permitShape.safeParse(json)
  if (!result.success) throw badPermit(describe(result.error, json))
  const { agent, ...permit } = result.data as Permit
  if ((agent.certificate === undefined) !== (agent.privateKey === undefined)) {
    const [there, missing] = agent.privateKey === undefined ? PAIR : [...PAIR].reverse()
    throw badPermit(`agent.${there} without agent.${missing}`)
  }
  if (agent.privateKey === undefined && permit.token === undefined) {
    throw badPermit('neither agent.privateKey nor token: without one of them it admits nobody')
  }
  return veil({ ...permit, agent: veil(agent, 'privateKey') }, 'token')
}

/** The text of a permit file, with its secrets; no line feed at its end. */
export function formatPermit(permit: Permit): string {
  const { ca, agent, bootstraps, token, user, expiresAtMs } = permit
  return JSON.stringify({ ca, agent: { ...agent }, bootstraps, token, user, expiresAtMs }, undefined, 2)
}

/** `ztm://HOST:PORT[,HOST:PORT]/MESH#TOKEN`. The token is in the fragment, which no browser sends to a server. */
export function formatPermitLink({ bootstraps, mesh, token }: PermitLink): string {
  return `ztm://${bootstraps.join(',')}/${mesh}#${token}`
}

/**
 * Read a permit link.
 *
 * @throws MeshError `bad-permit`, also for one that was cut short
 */
export function parsePermitLink(text: string): PermitLink {
  if (text.length > MAX_LINK_LENGTH) throw badLink(`${text.length} characters: at most ${MAX_LINK_LENGTH}`)
  const match = /^ztm:\/\/([^/#]*)\/([^/#]*)#(.*)$/s.exec(text)
  if (match === null) throw badLink('not of the form ztm://HOST:PORT/MESH#TOKEN, or cut short')
  const [, hosts = '', mesh, token = ''] = match
  if (!TOKEN.test(token)) throw badLink('its token is not one, or was cut short')
  try {
    const bootstraps = hosts.split(',').map(parseBootstrap)
    if (bootstraps.length > MAX_BOOTSTRAPS)
      throw badLink(`${bootstraps.length} hubs: at most ${MAX_BOOTSTRAPS}`)
    return veil({ bootstraps, mesh: parseMeshId(mesh), token }, 'token')
  } catch (error) {
    if (error instanceof MeshError) throw badLink(error.message)
    throw error
  }
}

function parseJson(text: string): unknown {
  try {
    // Editors on Windows put a byte order mark in front.
    return JSON.parse(text.replace(/^\ufeff/, ''))
  } catch {
    // Without the cause, which quotes the text.
    const state = text.trim() === '' ? 'it is empty' : isCutShort(text) ? 'it is cut short' : 'it is not JSON'
    throw badPermit(`${state}: copy the whole file`)
  }
}

/** Whether more was opened than closed: a string, an object or a list. */
function isCutShort(text: string): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i)
    if (inString && character === '\\') i++
    else if (character === '"') inString = !inString
    else if (!inString && (character === '{' || character === '[')) depth++
    else if (!inString && (character === '}' || character === ']')) depth--
  }
  return inString || depth > 0
}

function parseBootstrap(text: string): string {
  const address = parseAddress(text, '')
  if (address.host === '' || address.port === 0) {
    throw new MeshError('bad-input', `Cannot read address ${quote(text)}: write HOST:PORT, port 1 to 65535`)
  }
  return formatAddress(address)
}

/** A part that one of our parsers reads; what is wrong is said in the parser's words. */
function parsedBy<T>(parse: (text: string) => T) {
  return z
    .string()
    .max(256)
    .transform((text, context): T => {
      try {
        return parse(text)
      } catch (error) {
        context.addIssue({
          code: 'custom',
          message: error instanceof MeshError ? error.message : 'not of its form',
        })
        return z.NEVER
      }
    })
}

function pem(label: string) {
  const block = `-----BEGIN ${label}-----\\r?\\n[A-Za-z0-9+/=\\r\\n]+-----END ${label}-----\\s*`
  return z
    .string()
    .max(16_384)
    .regex(new RegExp(`^(?:${block})+$`), `not PEM text with a ${label}`)
}

function describe(error: z.ZodError, json: unknown): string {
  const [issue] = error.issues
  if (issue === undefined || typeof json !== 'object' || json === null || Array.isArray(json)) {
    return 'it is not an object'
  }
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys')
    return `unknown part ${quote([...issue.path, issue.keys[0]].join('.'))}`
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)[key], json)
  return value === undefined ? `${path} is missing` : `${path}: ${issue.message}`
}

/** Keep a secret from being printed by accident: it is there, but shown as `***`. */
function veil<T extends object>(value: T, secret: keyof T & string): T {
  if (value[secret] === undefined) return value
  const show = () => ({ ...value, [secret]: '***' })
  // What JSON and Node's console ask for; not enumerable, so that a copy or a comparison sees the fields alone.
  return Object.defineProperties(value, {
    toJSON: { value: show },
    [Symbol.for('nodejs.util.inspect.custom')]: { value: show },
  })
}

function badPermit(state: string): MeshError {
  return new MeshError('bad-permit', `Cannot read permit: ${state}`)
}

function badLink(state: string): MeshError {
  return new MeshError('bad-permit', `Cannot read permit link: ${state}`)
}

/** As the controller makes them: what names the invitation, and its secret. Of one length, so a cut shows. */
const TOKEN = /^[0-9a-f]{16}[A-Za-z0-9_-]{43}$/

const MAX_PERMIT_LENGTH = 65_536
const MAX_LINK_LENGTH = 8_192
const MAX_BOOTSTRAPS = 16
const PAIR = ['certificate', 'privateKey'] as const

const permitShape = z.strictObject({
  ca: pem('CERTIFICATE'),
  agent: z
    .strictObject({
      certificate: pem('CERTIFICATE').optional(),
      privateKey: pem('PRIVATE KEY').optional(),
      labels: z
        .array(parsedBy(text => parseName(text, 'label')))
        .max(32)
        .optional(),
    })
    .default({}),
  bootstraps: z.array(parsedBy(parseBootstrap)).min(1).max(MAX_BOOTSTRAPS),
  token: z.string().regex(TOKEN, 'not a token').optional(),
  user: parsedBy(parseUserName).optional(),
  expiresAtMs: z.number().int().nonnegative().max(8.64e15).optional(),
})
