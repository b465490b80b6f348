import { Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { call } from '../api/call.ts'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { TrafficGraphs } from '../graph/traffic-graphs.tsx'
import { ActionButton } from '../parts/action-button.tsx'
import { formatBytes, formatWhen } from '../parts/amounts.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'

/** What goes through this agent: an hour of it, and the sessions that are open now. */
export function TrafficPage() {
  const { say, language } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const traffic = useQuery(NETWORK_QUERIES.traffic(mesh))
  const sessions = useQuery(NETWORK_QUERIES.sessions(mesh))
  const now = useNow(10_000)
  return (
    <Stack>
      <Title order={1}>{say('traffic.title')}</Title>
      <Loaded query={traffic}>
        {({ total, ...span }) => <TrafficGraphs title={say('traffic.all')} traffic={total} {...span} />}
      </Loaded>
      <Title order={2} size="h3">
        {say('sessions.title')}
      </Title>
      <Loaded query={sessions}>
        {({ sessions: open }) => (
          <Listing
            label={say('sessions.title')}
            rows={open.map((session, index) => ({ ...session, index }))}
            keyOf={({ endpoint, openedBy, path, sinceMs, index }) =>
              `${endpoint} ${openedBy} ${path} ${sinceMs} ${index}`
            }
            empty={say('sessions.none')}
            columns={[
              { title: say('endpoint.name'), cell: ({ name, endpoint }) => name ?? endpoint },
              { title: say('endpoint.user'), cell: ({ user }) => user },
              { title: say('sessions.by'), cell: ({ openedBy }) => say(`sessions.by.${openedBy}`) },
              {
                title: say('path.title'),
                cell: ({ path }) => (path === undefined ? '' : say(`path.${path}`)),
              },
              { title: say('sessions.since'), cell: ({ sinceMs }) => formatWhen(sinceMs, now, language) },
              { title: say('path.streams'), cell: ({ streamCount }) => streamCount },
              {
                title: say('path.bytes'),
                cell: ({ sentBytes, receivedBytes }) =>
                  `${formatBytes(sentBytes, language)} / ${formatBytes(receivedBytes, language)}`,
              },
              { title: say('services.title'), cell: ({ services }) => services.join(', ') },
              {
                title: '',
                cell: ({ endpoint, name = endpoint }) => (
                  <ActionButton
                    label={`${say('sessions.end')} ${name}`}
                    question={say('sessions.endAsk', { name })}
                    run={() => call(AGENT_API.endSessions, { params: { mesh, endpoint } })}
                  >
                    {say('sessions.end')}
                  </ActionButton>
                ),
              },
            ]}
          />
        )}
      </Loaded>
      <EqualCommand>ztm top</EqualCommand>
    </Stack>
  )
}
