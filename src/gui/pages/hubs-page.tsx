import { Group, Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { HubInfo } from '../../core/api/shapes.ts'
import { call } from '../api/call.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatBytes, formatWhen } from '../parts/amounts.ts'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'

/** The hubs of a mesh and what they carry. */
export function HubsPage() {
  const { say, language } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const query = useQuery(QUERIES.hubs(mesh))
  const user = useQuery(QUERIES.mesh(mesh)).data?.endpoint.user ?? ''
  const role = useQuery({ ...EDGE_QUERIES.role(mesh, user), enabled: user !== '' })
  const now = useNow(60_000)
  return (
    <Stack>
      <Title order={1}>{say('hubs.title')}</Title>
      <Loaded query={query}>
        {({ hubs }) => (
          <Listing
            label={say('hubs.title')}
            rows={hubs}
            keyOf={({ id }) => id}
            empty={say('endpoint.none')}
            columns={[
              { title: say('endpoint.address'), cell: ({ names }) => names.join(', ') },
              {
                title: say('state.title'),
                cell: ({ isAttached, isOnline, isDraining }) => {
                  if (isDraining) return <StateBadge mood="waiting">{say('hub.draining')}</StateBadge>
                  if (isAttached) return <StateBadge mood="well">{say('hub.attached')}</StateBadge>
                  return isOnline === false && <StateBadge mood="ill">{say('hub.offline')}</StateBadge>
                },
              },
              {
                title: say('hub.role'),
                cell: ({ isRelay }) => say(isRelay ? 'hub.relayRole' : 'hub.controllerRole'),
              },
              { title: say('endpoint.version'), cell: ({ version }) => version },
              { title: say('hub.links'), cell: ({ linkCount }) => linkCount },
              { title: say('hub.relays'), cell: ({ relayCount }) => relayCount },
              { title: say('hub.relayed'), cell: ({ relayedBytes }) => formatBytes(relayedBytes, language) },
              {
                title: say('hub.roundTrip'),
                cell: ({ roundTripMs }) => (roundTripMs === undefined ? '' : `${roundTripMs.toFixed(1)} ms`),
              },
              {
                title: say('hub.certificate'),
                cell: ({ certificateExpiresAtMs }) => formatWhen(certificateExpiresAtMs, now, language),
              },
              {
                title: say('hub.change'),
                cell: hub =>
                  role.data?.isAdmin && <HubActions mesh={mesh} hub={hub} isOnlyHub={hubs.length === 1} />,
              },
            ]}
          />
        )}
      </Loaded>
    </Stack>
  )
}

function HubActions({
  mesh,
  hub: { id, names, isRelay, isDraining = false },
  isOnlyHub,
}: {
  mesh: string
  hub: HubInfo
  /** Nothing could go anywhere else. */
  isOnlyHub: boolean
}) {
  const { say } = useTexts()
  const [name = id] = names
  const params = { mesh, hub: id }
  const drain = say(isDraining ? 'hub.undrain' : 'hub.drain')
  return (
    <Group gap="xs" wrap="nowrap">
      {(isDraining || !isOnlyHub) && (
        <ActionButton
          label={`${drain} ${name}`}
          {...(!isDraining && { question: say(isRelay ? 'hub.drainAsk' : 'hub.drainOwnAsk', { name }) })}
          run={() => call(AGENT_API.drainHub, { params, body: { isDraining: !isDraining } })}
        >
          {drain}
        </ActionButton>
      )}
      {isRelay && (
        <ActionButton
          label={`${say('action.delete')} ${name}`}
          question={say('hub.deleteAsk', { name })}
          run={() => call(AGENT_API.removeHub, { params })}
        >
          {say('action.delete')}
        </ActionButton>
      )}
    </Group>
  )
}
