import { Anchor, Badge, Group, Stack, Text, TextInput, Title } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { QUERIES } from '../api/queries.ts'
import { formatWhen } from '../parts/amounts.ts'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'

/** The endpoints of a mesh, to be searched by the controller; what is shown at once has a limit. */
export function EndpointsPage() {
  const { say, language } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const [keyword, setKeyword] = useState('')
  const [wanted] = useDebouncedValue(keyword, 150)
  const query = useQuery({ ...QUERIES.endpoints(mesh, wanted), placeholderData: last => last })
  const now = useNow(10_000)
  return (
    <Stack>
      <Title order={1}>{say('endpoints.title')}</Title>
      <TextInput
        type="search"
        label={say('action.search')}
        value={keyword}
        maxLength={64}
        onChange={event => setKeyword(event.currentTarget.value)}
      />
      <Loaded query={query}>
        {({ endpoints, total }) => (
          <>
            <Text size="sm" aria-live="polite">
              {say('count.of', { count: Math.min(endpoints.length, SHOWN), total })}
            </Text>
            <Listing
              label={say('endpoints.title')}
              rows={endpoints.slice(0, SHOWN)}
              keyOf={({ id }) => id}
              empty={say('endpoint.none')}
              columns={[
                {
                  title: say('endpoint.name'),
                  cell: ({ id, name, isLocal }) => (
                    <Group gap="xs">
                      <Anchor
                        underline="always"
                        renderRoot={props => (
                          <Link {...props} to="/$mesh/endpoints/$endpoint" params={{ mesh, endpoint: id }} />
                        )}
                      >
                        <Name>{name}</Name>
                      </Anchor>
                      {isLocal && <Badge variant="default">{say('endpoint.local')}</Badge>}
                    </Group>
                  ),
                },
                { title: say('endpoint.user'), cell: ({ user }) => <Name>{user}</Name> },
                {
                  title: say('state.title'),
                  cell: ({ isOnline }) => (
                    <StateBadge mood={isOnline ? 'well' : 'resting'}>
                      {say(isOnline ? 'state.online' : 'state.offline')}
                    </StateBadge>
                  ),
                },
                {
                  title: say('endpoint.lastSeen'),
                  cell: ({ isOnline, lastSeenMs }) => (isOnline ? '' : formatWhen(lastSeenMs, now, language)),
                },
                { title: say('endpoint.labels'), cell: ({ labels }) => <Name>{labels.join(', ')}</Name> },
                { title: say('endpoint.version'), cell: ({ version }) => version },
              ]}
            />
          </>
        )}
      </Loaded>
    </Stack>
  )
}

/** Rows that a page shows; the rest is found by searching. */
const SHOWN = 200
