import type { z } from 'zod'
import type { pathShape } from '../../core/api/agent-api.ts'
import { formatBytes } from '../parts/amounts.ts'
import { Listing } from '../parts/listing.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'

const MOODS = { open: 'well', opening: 'waiting', failed: 'resting' } as const

/** The ways to peers, tried or in use. */
export function PathListing({ paths }: { paths: readonly z.output<typeof pathShape>[] }) {
  const { say, language } = useTexts()
  return (
    <Listing
      label={say('endpoint.paths')}
      rows={paths}
      keyOf={({ endpoint, path }) => `${endpoint} ${path}`}
      empty={say('endpoint.pathsNone')}
      columns={[
        { title: say('endpoint.name'), cell: ({ name, endpoint }) => <Name>{name ?? endpoint}</Name> },
        { title: say('path.title'), cell: ({ path }) => say(`path.${path}`) },
        {
          title: say('state.title'),
          cell: ({ state, error }) => (
            <StateBadge mood={MOODS[state]} title={error}>
              {say(`path.state.${state}`)}
            </StateBadge>
          ),
        },
        {
          title: say('hub.roundTrip'),
          cell: ({ roundTripMs }) => (roundTripMs === undefined ? '' : `${roundTripMs.toFixed(1)} ms`),
        },
        { title: say('path.streams'), cell: ({ streamCount }) => streamCount },
        {
          title: say('path.bytes'),
          cell: ({ sentBytes = 0, receivedBytes = 0 }) =>
            `${formatBytes(sentBytes, language)} / ${formatBytes(receivedBytes, language)}`,
        },
      ]}
    />
  )
}
