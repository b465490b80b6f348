import { MeshError } from './errors.ts'

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
 * @throws MeshError `bad-name` if it is empty, over 64 characters, or has a control or direction character, a
 *   slash, or white space at an end
 */
export function parseName(value: unknown, what = 'name'): Name {
  if (typeof value !== 'string') throw new MeshError('bad-name', `Cannot use ${what}: it is not text`)
  if (value.length === 0) throw new MeshError('bad-name', `Cannot use ${what}: it is empty`)
  if (value.length > MAX_NAME_LENGTH) {
    throw new MeshError(
      'bad-name',
      `Cannot use ${what}: ${value.length} characters: at most ${MAX_NAME_LENGTH}`,
    )
  }
  if (FORBIDDEN.test(value) || value.trim() !== value || value === '.' || value === '..') {
    throw new MeshError(
      'bad-name',
      `Cannot use ${what} ${JSON.stringify(value)}: no slash, no control character, no space at its ends`,
    )
  }
  return value as Name
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
      `Cannot use user name ${JSON.stringify(value)}: 1 to 64 letters, digits, dots, dashes or underscores`,
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
    throw new MeshError(
      'bad-name',
      `Cannot use service name ${JSON.stringify(value)}: write tcp/NAME or udp/NAME`,
    )
  }
  parseName(value.slice(slash + 1), 'service name')
  return value as ServiceName
}

/** The transport of a service. */
export function protocolOf(service: ServiceName): Protocol {
  return service.startsWith('udp/') ? 'udp' : 'tcp'
}

/** The longest name, in UTF-16 units. */
export const MAX_NAME_LENGTH = 64

// Control characters, slashes, and the invisible characters that reorder or hide text on a screen.
const FORBIDDEN =
  /[\u0000-\u001f\u007f-\u009f/\\\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]|\p{Cs}/u
