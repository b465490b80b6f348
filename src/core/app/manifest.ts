import { valid } from 'semver'
import { z } from 'zod'
import { MeshError, toMeshError } from '../model/errors.ts'
import { parseUserName, type UserName } from '../model/names.ts'
import { printable, quote } from '../model/quote.ts'
import { capabilitiesShape } from './capabilities.ts'

/** The name of an app without its provider: small letters, digits and single dashes, so that it fits a host name. */
export type AppName = string & { readonly __appName: 'app' }
/** A version by semver.org, in its one normal form, without build metadata: two that compare equal are the same text. */
export type AppVersion = string & { readonly __appVersion: 'version' }

/** How much a manifest may hold. Lengths in UTF-16 units but for `bytes`. */
export const MANIFEST_LIMITS = {
  /** Bytes of `app.json`. */
  bytes: 16_384,
  nameLength: 32,
  versionLength: 64,
  descriptionLength: 512,
} as const

/**
 * Check the name of an app.
 *
 * @throws MeshError `bad-name` unless it is 1-32 small letters, digits and single dashes, a letter first, no dash last
 */
export function parseAppName(value: unknown): AppName {
  const isName = typeof value === 'string' && value.length <= MANIFEST_LIMITS.nameLength
  if (!isName || !/^[a-z](?:-?[a-z0-9])*$/.test(value)) {
    throw new MeshError(
      'bad-name',
      `Cannot use app name ${quote(value)}: 1 to ${MANIFEST_LIMITS.nameLength} small letters, digits and single dashes`,
    )
  }
  return value as AppName
}

/** Check a version. @throws MeshError `bad-input` unless it is `MAJOR.MINOR.PATCH` or `MAJOR.MINOR.PATCH-PRERELEASE` */
export function parseAppVersion(value: unknown): AppVersion {
  const isShort = typeof value === 'string' && value.length <= MANIFEST_LIMITS.versionLength
  if (!isShort || valid(value) !== value)
    throw new MeshError('bad-input', `Cannot use version ${quote(value)}: write 1.2.3 or 1.2.3-beta.1`)
  return value as AppVersion
}

/** Who published an app, and its name: `alice/notes`. */
export interface AppRef {
  readonly provider: UserName
  readonly name: AppName
}

/** Read `PROVIDER/NAME`. @throws MeshError `bad-name` */
export function parseAppRef(text: string): AppRef {
  const [provider = '', name, more] = text.split('/')
  if (name === undefined || more !== undefined)
    throw new MeshError('bad-name', `Cannot use app ${quote(text)}: write PROVIDER/NAME`)
  return { provider: parseUserName(provider), name: parseAppName(name) }
}

function parsedBy<T extends string>(parse: (value: unknown) => T, example: string): z.ZodType<T, string> {
  const schema = z
    .string()
    .max(256)
    .superRefine((value, context) => {
      try {
        parse(value)
      } catch (thrown) {
        context.addIssue({ code: 'custom', message: toMeshError(thrown).message })
      }
    })
    .meta({ examples: [example] })
  return schema as unknown as z.ZodType<T, string>
}

/** The name of an app. */
export const appNameShape = parsedBy(parseAppName, 'notes')
/** The version of an app. */
export const appVersionShape = parsedBy(parseAppVersion, '1.2.3')
/** A line of an app's versions: `stable`, `beta`. */
export const channelShape = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'write a channel as small letters, digits and dashes')
  .meta({ examples: ['stable'] })
/** Whose name the apps that ship with ZTM have: no user's apps may. */
export const SYSTEM_PROVIDER = 'ztm'
/** The channel where none is said. */
export const DEFAULT_CHANNEL = 'stable'

/** A file or folder of the package, from its root, with `/` between names. */
const insidePath = z
  .string()
  .max(256)
  .refine(isInsidePath, 'write a path inside the package, without .. and with / between names')

/** `app.json`. Unknown members are errors: a misspelt capability must not be lost without a word. */
export const manifestShape = z.strictObject({
  name: appNameShape,
  version: appVersionShape,
  /** One line for lists. What could move the cursor or hide text is replaced. */
  description: z
    .string()
    .max(MANIFEST_LIMITS.descriptionLength)
    .default('')
    .transform(text => printable(text, MANIFEST_LIMITS.descriptionLength)),
  /** A picture (SVG or PNG) for pages that list apps. */
  icon: insidePath.optional(),
  /** The program: a module whose default export is an app. */
  entry: insidePath.refine(path => /\.[mc]?[jt]s$/.test(path), 'must be a .ts or .js file').default('app.ts'),
  /** A module for `ztm app NAME …`. */
  cli: insidePath.refine(path => /\.[mc]?[jt]s$/.test(path), 'must be a .ts or .js file').optional(),
  /** The folder of its web page, with an index.html. */
  gui: insidePath.optional(),
  capabilities: capabilitiesShape.prefault({}),
})

/** What an app says of itself. */
export type Manifest = z.output<typeof manifestShape>

/**
 * Read the text of an `app.json`.
 *
 * @throws MeshError `too-large` over `MANIFEST_LIMITS.bytes`, `bad-input` for what is no manifest, with the member that is wrong
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MANIFEST_LIMITS.bytes)
    throw new MeshError(
      'too-large',
      `Cannot read app.json: ${bytes.length} bytes: at most ${MANIFEST_LIMITS.bytes}`,
    )
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new MeshError('bad-input', 'Cannot read app.json: it is not JSON text')
  }
  const parsed = manifestShape.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue?.path.map(String).join('.') || 'app.json'
  throw new MeshError('bad-input', `Cannot read app.json: ${quote(where)}: ${issue?.message ?? 'wrong'}`)
}

/**
 * Whether a text is the path of a file inside a package as all systems understand it: names between single `/`, none of
 * them `.` or `..`, empty, ending in a dot or space, or with a character that some system has a meaning for.
 */
export function isInsidePath(path: string): boolean {
  return path.split('/').every(name => {
    if (name === '' || name === '.' || name === '..' || name !== name.normalize('NFC')) return false
    if (/[\p{C}\p{Zl}\p{Zp}\\:*?"<>|]/u.test(name) || /[. ]$/.test(name)) return false
    return !/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(name)
  })
}
