import { MeshError } from './errors.ts'
import { quote } from './quote.ts'

/** A name a person gave to a mesh, an endpoint or a label: any script, 1-64 characters. */
export type Name = string & { readonly __name: 'name' }
/** A user: letters, digits, dot, dash, underscore, so that it fits a SPIFFE ID unchanged. */
export type UserName = string & { readonly __name: 'user' }
/** `tcp/NAME` or `udp/NAME`: what a tunnel's two ends share and an SDK dials. */
export type ServiceName = string & { readonly __name: 'service' }

/** The transport a service speaks. */
export type Protocol = 'tcp' | 'udp'

/**
 * Check a name of a mesh, endpoint or label.
 *
 * @returns the name in Unicode's composed form (NFC): keyboards compose letters differently, and both ways to type
 *   one must name the same thing
 * @throws MeshError `bad-name` if it is empty, over 64 characters, or has a slash, a control or invisible character,
 *   or a space other than a plain one between two words
 */
export function parseName(value: unknown, what = 'name'): Name {
  if (typeof value !== 'string') throw new MeshError('bad-name', `Cannot use ${what}: it is not text`)
  if (value.length === 0) throw new MeshError('bad-name', `Cannot use ${what}: it is empty`)
  // Composing makes of four characters one at most; what is longer than that is not worth composing.
  const name = value.length <= MAX_NAME_LENGTH * 4 ? value.normalize('NFC') : value
  if (name.length > MAX_NAME_LENGTH) {
    throw new MeshError(
      'bad-name',
      `Cannot use ${what}: ${name.length} characters: at most ${MAX_NAME_LENGTH}`,
    )
  }
  if (FORBIDDEN.test(name) || name.trim() !== name || name === '.' || name === '..') {
    throw new MeshError(
      'bad-name',
      `Cannot use ${what} ${quote(value)}: no slash, no control or invisible character, no space at its ends`,
    )
  }
  return name as Name
}

/**
 * Check a user name.
 *
 * @throws MeshError `bad-name` unless it is 1-64 letters, digits, `.`, `-`, `_`, and not `.` or `..`
 * @see SPIFFE-ID, section 2.2: the path's allowed characters
 */
export function parseUserName(value: unknown): UserName {
  if (typeof value !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(value) || /^\.+$/.test(value)) {
    throw new MeshError(
      'bad-name',
      `Cannot use user name ${quote(value)}: 1 to 64 letters, digits, dots, dashes or underscores`,
    )
  }
  return value as UserName
}

/**
 * Check a service name, `tcp/NAME` or `udp/NAME`.
 *
 * @throws MeshError `bad-name` if the protocol or the name is not one
 */
export function parseServiceName(value: unknown): ServiceName {
  const slash = typeof value === 'string' ? value.indexOf('/') : -1
  const protocol = typeof value === 'string' ? value.slice(0, slash) : ''
  if (typeof value !== 'string' || (protocol !== 'tcp' && protocol !== 'udp')) {
    throw new MeshError('bad-name', `Cannot use service name ${quote(value)}: write tcp/NAME or udp/NAME`)
  }
  return `${protocol}/${parseName(value.slice(slash + 1), 'service name')}` as ServiceName
}

/** The transport of a service. */
export function protocolOf(service: ServiceName): Protocol {
  return service.startsWith('udp/') ? 'udp' : 'tcp'
}

/**
 * Whether a service is an app's own, by which its parts at several endpoints find each other: `tcp/.terminal.bob`. Lists of
 * services leave those out.
 */
export function isAppService(service: ServiceName): boolean {
  return /^(?:tcp|udp)\/\./.test(service)
}

/** The longest name, in UTF-16 units. */
export const MAX_NAME_LENGTH = 64

// What makes two names that look alike, or one that looks like nothing or like other text: control characters, lone
// surrogates, private use, spaces but the plain one, and whatever Unicode says may be left out of a picture of the text
// (directions, joiners, fillers, tags). U+2800 is a blank too; U+FFF9 and on stand for things that are not text.
const FORBIDDEN =
  /[/\\\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800\ufff9-\uffff]|(?! )\p{Zs}/u
