import { type Permit, type PermitLink, parsePermit, parsePermitLink } from '../../core/model/permit.ts'

/** A permit as it was given: what to send to the agent, and what can be said of it. */
export interface GivenPermit {
  /** Text of a permit file, or a `ztm://` link. */
  readonly text: string
  /** Where its hubs are. */
  readonly hubs: readonly string[]
  readonly user?: string | undefined
  readonly expiresAtMs?: number | undefined
}

/**
 * Read a permit that was pasted, dropped, scanned or opened as a link; also one that a browser passed on as `web+ztm://`.
 *
 * @throws MeshError `bad-permit`
 */
export function readGivenPermit(given: string): GivenPermit {
  const text = given.trim().replace(/^web\+ztm:/, 'ztm:')
  if (!text.startsWith('ztm:')) {
    const { bootstraps, user, expiresAtMs }: Permit = parsePermit(text)
    return { text, hubs: bootstraps, user, expiresAtMs }
  }
  const { bootstraps }: PermitLink = parsePermitLink(text)
  return { text, hubs: bootstraps }
}

/**
 * The link in the fragment of the page's address, `#ztm://…`; browsers that pass a link on encode it.
 *
 * @returns an empty text if there is none
 */
export function linkOfHash(hash: string): string {
  const text = hash.replace(/^#/, '')
  if (isLink(text)) return text
  try {
    const decoded = decodeURIComponent(text)
    return isLink(decoded) ? decoded : ''
  } catch {
    return ''
  }
}

function isLink(text: string): boolean {
  return /^(?:web\+)?ztm:\/\//.test(text)
}
