import { Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { memberOf, nameOf, textsOf } from '../../core/edge/entity-members.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { Words } from './entity-cells.tsx'

/** What policies let this endpoint do: for everybody. */
export function OwnSection({ mesh }: { mesh: string }) {
  const { say } = useTexts()
  const identity = useQuery(EDGE_QUERIES.ownIdentity(mesh))
  const services = useQuery(EDGE_QUERIES.ownServices(mesh, { limit: 500, sort: 'name' }))
  return (
    <Stack>
      <Title order={1}>{say('own.title')}</Title>
      <Loaded query={identity}>
        {own => (
          <Stack gap={4}>
            <Text size="sm">{say('own.attributes')}</Text>
            <Words words={textsOf(memberOf(own, 'roleAttributes'))} />
          </Stack>
        )}
      </Loaded>
      <Loaded query={services}>
        {({ entities }) => (
          <Listing
            label={say('own.title')}
            rows={entities}
            keyOf={({ id }) => id}
            empty={say('own.none')}
            columns={[
              { title: say('service.name'), cell: service => <Name>{nameOf(service)}</Name> },
              {
                title: say('edge.allows'),
                cell: ({ permissions }) => <Words words={textsOf(permissions)} />,
              },
            ]}
          />
        )}
      </Loaded>
      <EqualCommand>ztm get service</EqualCommand>
    </Stack>
  )
}
