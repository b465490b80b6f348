import { Group, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { ServiceInfo } from '../../core/api/shapes.ts'
import { QUERIES } from '../api/queries.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { type Mood, StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'

/** The services that this endpoint may dial or hosts; who may, is said by policies. */
export function ServicesPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const query = useQuery(QUERIES.services(mesh))
  return (
    <Stack>
      <Title order={1}>{say('services.title')}</Title>
      <Text size="sm">
        {say('services.about')}{' '}
        <Link to="/$mesh/controller/$section" params={{ mesh, section: 'own' }}>
          {say('own.title')}
        </Link>
        {' · '}
        <Link to="/$mesh/controller/$section" params={{ mesh, section: 'service-policies' }}>
          {say('edge.policy.title')}
        </Link>
      </Text>
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
                cell: ({ hostings }) => <Hostings hostings={hostings} />,
              },
            ]}
          />
        )}
      </Loaded>
      <EqualCommand>ztm get service</EqualCommand>
    </Stack>
  )
}

function Hostings({ hostings }: { hostings: ServiceInfo['hostings'] }) {
  const { say } = useTexts()
  return (
    <Group gap="xs">
      {hostings.map(({ endpoint, name, isOnline, health, instance }) => (
        <Group key={`${endpoint} ${instance}`} gap={4}>
          <Name>{instance === undefined ? name : `${name} (${instance})`}</Name>
          <StateBadge mood={isOnline ? MOODS[health] : 'resting'}>
            {isOnline ? say(`service.health.${health}`) : say('state.offline')}
          </StateBadge>
        </Group>
      ))}
    </Group>
  )
}

const MOODS: Readonly<Record<ServiceInfo['hostings'][number]['health'], Mood>> = {
  up: 'well',
  partly: 'waiting',
  down: 'ill',
  unknown: 'waiting',
}
