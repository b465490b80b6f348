import { Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { QUERIES } from '../api/queries.ts'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'

/** The services that this endpoint may dial or hosts. */
export function ServicesPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const query = useQuery(QUERIES.services(mesh))
  return (
    <Stack>
      <Title order={1}>{say('services.title')}</Title>
      <Loaded query={query}>
        {({ services }) => (
          <Listing
            label={say('services.title')}
            rows={services}
            keyOf={({ name }) => name}
            empty={say('service.none')}
            columns={[
              { title: say('service.name'), cell: ({ name }) => <Name>{name}</Name> },
              { title: say('service.owner'), cell: ({ owner }) => <Name>{owner}</Name> },
              {
                title: say('service.hostings'),
                cell: ({ hostings }) => (
                  <Name>{hostings.map(({ name, health }) => `${name} (${health})`).join(', ')}</Name>
                ),
              },
            ]}
          />
        )}
      </Loaded>
    </Stack>
  )
}
