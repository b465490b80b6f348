import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { nameShape } from '../../core/api/shapes.ts'
import type { AppContent } from '../../core/model/content.ts'
import type { Clock } from '../../core/model/time.ts'

/** What a link leads to: one content of one app, to be shown, or to be saved. */
export const linkTermsShape = z.strictObject({
  mesh: nameShape,
  app: z.string().regex(/^[a-z0-9-]{1,64}\/[a-z0-9-]{1,64}$/),
  query: z.record(z.string().max(64), z.string().max(4_096)),
  as: z.enum(['shown', 'saved']),
})
/** What a link leads to. */
export type LinkTerms = z.output<typeof linkTermsShape>

/** A link that is good. */
export interface ContentLink {
  readonly id: string
  readonly terms: LinkTerms
  /**
   * The content, opened when it is first wanted and closed when nobody wanted it for a while.
   *
   * @returns it, and what says that it is not read any more; a broken one is opened anew by who comes next
   */
  take(): Promise<{ readonly content: AppContent; readonly release: (isBroken?: boolean) => void }>
}

/**
 * Links by which a page shows and saves contents: `<video>` and the like can send no header. A link is the half of a login that the page
 * alone knows, as its key is elsewhere: it is good only with the cookie of the login it was made by, and for that content alone.
 */
export interface ContentLinks {
  /** @returns its secret, 43 characters for a URL */
  make(session: string, terms: LinkTerms): string
  /** The link of a secret; undefined if it is none, of another login, or was not used for `LINK_LIFE_MS`. */
  find(secret: string, session: string): ContentLink | undefined
}

/** Keep the links of one agent. @param open  as the app does it */
export function createContentLinks(
  clock: Clock,
  after: (ms: number, call: () => void) => () => void,
  open: (terms: LinkTerms) => Promise<AppContent>,
): ContentLinks {
  const links = new Map<string, { session: string; usedAtMs: number; link: ContentLink }>()
  return {
    make(session, terms) {
      const secret = randomBytes(32).toString('base64url')
      const [oldest] = links.keys()
      if (links.size >= MAX_LINKS && oldest !== undefined) links.delete(oldest)
      const link = { id: randomBytes(8).toString('hex'), terms, take: shareContent(() => open(terms), after) }
      links.set(secret, { session, usedAtMs: clock.now(), link })
      return secret
    },
    find(secret, session) {
      const known = links.get(secret)
      if (known === undefined || known.session !== session) return undefined
      links.delete(secret)
      if (clock.now() - known.usedAtMs > LINK_LIFE_MS) return undefined
      // The last one used is the last to be forgotten.
      links.set(secret, { ...known, usedAtMs: clock.now() })
      return known.link
    },
  }
}

/** One opened content for all who read it at a time: to seek in a film is to ask again every moment. */
function shareContent(
  open: () => Promise<AppContent>,
  after: (ms: number, call: () => void) => () => void,
): ContentLink['take'] {
  let current: Shared | undefined
  return async () => {
    current ??= { opening: open(), readers: 0, cancelClose() {} }
    const mine = current
    const leave = () => {
      if (current === mine) current = undefined
    }
    const close = () => {
      leave()
      void mine.opening.then(content => content[Symbol.asyncDispose]()).catch(() => {})
    }
    mine.readers += 1
    mine.cancelClose()
    let isOver = false
    const release = (isBroken = false) => {
      if (isOver) return
      isOver = true
      mine.readers -= 1
      if (isBroken) leave()
      if (mine.readers > 0) return
      if (current === mine) mine.cancelClose = after(IDLE_MS, close)
      else close()
    }
    try {
      return { content: await mine.opening, release }
    } catch (error) {
      release(true)
      throw error
    }
  }
}

interface Shared {
  readonly opening: Promise<AppContent>
  readers: number
  cancelClose: () => void
}

/** Links that are known. */
export const MAX_LINKS = 512
/** A link that is not used for so long leads nowhere any more. */
export const LINK_LIFE_MS = 3_600_000
/** What a link leads to stays open so long when nobody reads it. */
const IDLE_MS = 15_000
