import { MeshError } from './errors.ts'
import { parseServiceName, type ServiceName } from './names.ts'
import { quote } from './quote.ts'

/** `zt://my-svc?controller=https://ctl.example:8888`: a service, and who knows where it is. */
export interface ZtAddress {
  readonly service: ServiceName
  /** `https://HOST` or `https://HOST:PORT`, as a URL's origin is written. Absent: the one this program is logged in to. */
  readonly controller?: string
}

/**
 * Read `zt://SERVICE` or `zt://SERVICE?controller=https://HOST[:PORT]`. The service is a name, which means `tcp/NAME`, or
 * `tcp/NAME` or `udp/NAME`; what a URL does not take is written as `%XX`.
 *
 * @throws MeshError `bad-input` if it is not of that form, has another or a second parameter, or its controller has a user,
 *   path, query or fragment, or is not reached by HTTPS; `bad-name` if the service is not a name
 */
export function parseZtAddress(text: string): ZtAddress {
  const match = text.length > MAX_ZT_ADDRESS_LENGTH ? null : /^zt:\/\/([^?#@:]+)(?:\?([^#?]*))?$/i.exec(text)
  const [, service = '', query] = match ?? []
  if (match === null || !URL_TEXT.test(text))
    throw refusal(text, 'write zt://SERVICE?controller=https://HOST')
  const address = { service: parseService(decodePart(service, text)) }
  if (query === undefined) return address
  const [name, value, ...rest] = query.split('=')
  if (name !== 'controller' || value === undefined || rest.length > 0 || query.includes('&')) {
    throw refusal(text, 'its one parameter is controller')
  }
  return { ...address, controller: parseController(decodePart(value, text), text) }
}

/** Write an address so that `parseZtAddress` reads the same; without the `tcp/` that goes without saying. */
export function formatZtAddress({ service, controller }: ZtAddress): string {
  const [protocol = '', name = ''] = service.split('/')
  // A TCP service may itself be called after a protocol, but has no slash: nothing is ambiguous.
  const path = (protocol === 'tcp' ? [name] : [protocol, name]).map(encodeURIComponent).join('/')
  return controller === undefined ? `zt://${path}` : `zt://${path}?controller=${controller}`
}

function parseService(text: string): ServiceName {
  return parseServiceName(text.includes('/') ? text : `tcp/${text}`)
}

function parseController(value: string, text: string): string {
  const match = /^https:\/\/[^/?#@\\\s]+\/?$/i.test(value)
  const url = match ? parseUrl(value) : undefined
  if (url === undefined || url.protocol !== 'https:' || url.host === '') {
    throw refusal(text, 'its controller is https://HOST or https://HOST:PORT')
  }
  return `https://${url.host}`
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

function decodePart(part: string, text: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw refusal(text, 'a % is not followed by UTF-8 in hexadecimal')
  }
}

function refusal(text: string, wanted: string): MeshError {
  return new MeshError('bad-input', `Cannot read address ${quote(text)}: ${wanted}`)
}

/** The longest address, characters. */
export const MAX_ZT_ADDRESS_LENGTH = 2_048

/** RFC 3986: what may stand in a URL as it is. */
const URL_TEXT = /^[\w\-.~:/?[\]@!$&'()*+,;=%]+$/
