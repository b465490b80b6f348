import { MeshError } from '../../core/model/errors.ts'
import { type EndpointId, isUuid } from '../../core/model/ids.ts'
import type { UserName } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import type { Host } from '../app.ts'

/** An endpoint as a person names it. */
export interface EndpointWords {
  /** Name or id. */
  readonly endpoint: string
  /** Whose it is; one's own if absent. */
  readonly user?: string | undefined
}

/** Read `ENDPOINT` or `USER@ENDPOINT`. */
export function parseEndpointWords(text: string): EndpointWords {
  const [, user, endpoint = text] = /^([\w.-]+)@(.+)$/su.exec(text) ?? []
  return { endpoint, ...(user !== undefined && { user }) }
}

/**
 * Find an endpoint, of this user unless another is named.
 *
 * The hub says which endpoint a name means and whose that is; that it is that user's, it then has to prove. So nothing goes to
 * somebody else's because a hub was broken into, or because a name was misread.
 *
 * @param mayBeAny  one that is named by its id may be anybody's: no hub can lead an id astray
 * @throws MeshError `denied`; `not-found`, `ambiguous`, `offline`
 */
export async function findOwned(
  host: Host,
  { endpoint, user }: EndpointWords,
  mayBeAny = false,
): Promise<{ readonly id: EndpointId; readonly user: UserName }> {
  const found = await host.findEndpoint(endpoint)
  const owner = user ?? (mayBeAny && isUuid(endpoint) ? found.user : host.endpoint.user)
  if (found.user === owner) return { id: found.id, user: found.user }
  throw new MeshError(
    'denied',
    `Cannot use endpoint ${quote(endpoint)}: it is ${found.user}'s, not ${owner}'s: write ${found.user}@${endpoint} if you mean that`,
  )
}
