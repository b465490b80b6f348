/** An app in a mesh, as its page's host name tells it. */
export interface PageOwner {
  readonly mesh: string
  readonly provider: string
  readonly name: string
}

/**
 * The first label of the host name that an app's page has of its own: `notes--alice--home`, below `.localhost`. Every app in
 * every mesh has another, so that browsers keep what one has from all others.
 *
 * Where provider or mesh do not fit a host name, or could be read in two ways, a digest stands for both.
 *
 * @param digest  SHA-256 of a text, as hex digits
 * @returns 1-63 small letters, digits and dashes (RFC 1123, section 2.1)
 */
export function pageLabel({ mesh, provider, name }: PageOwner, digest: (text: string) => string): string {
  const label = `${name}--${provider}--${mesh}`
  const isPlain = [provider, mesh].every(part => /^[a-z0-9](?:-?[a-z0-9])*$/.test(part))
  // A digest begins with x- so that no plain name can be one.
  if (isPlain && label.length <= MAX_LABEL_LENGTH && !provider.startsWith('x-')) return label
  const text = JSON.stringify([provider, mesh])
  return `${name}--x-${digest(text).slice(0, DIGEST_DIGITS)}`
}

/** The label and port of a `Host` header that is an app's page's, or undefined. */
export function parsePageHost(host: string): { label: string; port: number } | undefined {
  const [, label, port] = /^([a-z0-9-]{1,63})\.localhost:(\d{1,5})$/.exec(host) ?? []
  return label === undefined ? undefined : { label, port: Number(port) }
}

const MAX_LABEL_LENGTH = 63
const DIGEST_DIGITS = 24
