import { Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type Entity, textsOf } from '../../core/edge/entity-members.ts'
import { filterOfRoles } from '../../core/edge/role-filter.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { Loaded } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'
import { COLLECTIONS } from './collections.ts'
import { EntityList } from './entity-list.tsx'

/** Who may dial and who may host a service: those whom the policies that choose it choose. */
export function WhoMay({ mesh, serviceId }: { mesh: string; serviceId: string }) {
  const { say } = useTexts()
  const path = `/services/${encodeURIComponent(serviceId)}/service-policies`
  const policies = useQuery(EDGE_QUERIES.page(mesh, 'policy', { limit: 500 }, path))
  return (
    <Loaded query={policies}>
      {({ entities }) =>
        (['Dial', 'Bind'] as const).map(type => {
          const title = say(type === 'Dial' ? 'edge.whoDials' : 'edge.whoBinds')
          return (
            <Stack key={type} gap="xs">
              <Title order={2} size="h4">
                {title}
              </Title>
              <EntityList
                mesh={mesh}
                collection={COLLECTIONS.identity}
                label={title}
                filter={filterOfPolicies(entities, type)}
                hasActions={false}
              />
            </Stack>
          )
        })
      }
    </Loaded>
  )
}

/** All that policies of a type choose; a filter that takes nobody where there is none. */
function filterOfPolicies(policies: readonly Entity[], type: 'Dial' | 'Bind'): string {
  const filters = policies
    .filter(policy => policy.type === type)
    .map(policy =>
      filterOfRoles(textsOf(policy.identityRoles), policy.semantic === 'AllOf' ? 'AllOf' : 'AnyOf'),
    )
  if (filters.includes('')) return ''
  const parts = filters.filter(filter => filter !== undefined)
  return parts.length === 0 ? 'id = ""' : parts.map(part => `(${part})`).join(' or ')
}
