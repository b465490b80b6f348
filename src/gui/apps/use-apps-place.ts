import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { QUERIES } from '../api/queries.ts'

/** The endpoints whose apps one may look after, and the one that is meant. */
export interface OwnEndpoints {
  /** One's own, online, this one first; a hundred of them. */
  readonly own: readonly { readonly id: string; readonly name: string; readonly isLocal: boolean }[]
  /** How asking for the others went; what failed of it is to be shown. */
  readonly asked: Pick<UseQueryResult, 'error' | 'refetch'>
  /** Undefined until it is known. */
  readonly chosen: { readonly id: string; readonly name: string; readonly isLocal: boolean } | undefined
  /** The words of a command in front of what is done there. */
  readonly prefix: readonly string[]
}

/**
 * The endpoint whose apps are looked at.
 *
 * @param at  its id; this one if absent
 */
export function useAppsPlace(at: string | undefined): OwnEndpoints & { readonly mesh: string } {
  const { mesh } = useParams({ from: '/$mesh' })
  const here = useQuery(QUERIES.mesh(mesh)).data?.endpoint
  const mine = NETWORK_QUERIES.endpointPage(mesh, { user: here?.user, state: 'online' }, 0)
  const asked = useQuery({ ...mine, enabled: here !== undefined })
  const all = asked.data?.endpoints ?? []
  const local = here && { id: here.id, name: here.name, isLocal: true }
  const others = all
    .filter(({ id, user }) => user === here?.user && id !== here.id)
    .map(({ id, name }) => ({ id, name, isLocal: false }))
  const own = local === undefined ? [] : [local, ...others]
  const chosen = at === undefined ? local : (own.find(({ id }) => id === at) ?? local)
  const prefix = chosen === undefined || chosen.isLocal ? [] : ['ep', chosen.name]
  return { mesh, own, asked, chosen, prefix }
}
