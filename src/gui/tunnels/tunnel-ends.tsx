import { Badge, Group, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { InboundInfo, OutboundInfo } from '../../apps/tunnel/messages.ts'
import { QUERIES } from '../api/queries.ts'
import { TUNNEL_QUERIES } from '../api/tunnel-queries.ts'
import { formatBytes } from '../parts/amounts.ts'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { type Mood, StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'
import { type EndPlace, nameOf } from './tunnel-end.ts'
import { formatTarget } from './tunnel-words.ts'

type EndsProps = {
  readonly mesh: string
  readonly endpoint: EndPlace['endpoint']
  readonly actions: (place: EndPlace) => ReactNode
}

const MOODS = { up: 'well', partly: 'waiting', down: 'ill', unknown: 'resting' } as const

/** The ends that listen at an endpoint: where, where they lead to by which path, and what they carry. */
export function Inbounds({ mesh, endpoint, actions }: EndsProps) {
  const { say } = useTexts()
  const query = useQuery(QUERIES.inbounds(mesh, endpoint.id))
  const traffic = useTraffic<InboundInfo>()
  return (
    <section>
      <Title order={2} size="h3">
        {say('tunnel.in')}
      </Title>
      <Loaded query={query}>
        {({ inbounds }) => (
          <Listing
            label={say('tunnel.in')}
            rows={inbounds}
            keyOf={nameOf}
            empty={say('tunnel.inNone')}
            columns={[
              { title: say('tunnel.name'), cell: end => <Name>{nameOf(end)}</Name> },
              { title: say('tunnel.listen'), cell: end => <Listens end={end} /> },
              {
                title: say('tunnel.exit'),
                cell: end => <Exits mesh={mesh} end={end} isLocal={endpoint.isLocal} />,
              },
              ...traffic,
              { title: '', cell: end => actions({ mesh, endpoint, kind: 'inbound', end }) },
            ]}
          />
        )}
      </Loaded>
    </section>
  )
}

function Listens({ end: { listens, isPaused } }: { end: InboundInfo }) {
  const { say } = useTexts()
  return (
    <Group gap={4}>
      {isPaused === true && <StateBadge mood="resting">{say('tunnel.paused')}</StateBadge>}
      {listens.map(({ ip, port, isOpen, error }) => (
        <Badge key={`${ip}:${port}`} variant="default" title={error} tt="none">
          {`${ip}:${port}${isOpen || isPaused === true ? '' : ' ✗'}`}
        </Badge>
      ))}
    </Group>
  )
}

/** Where a tunnel comes out, how that is, and by which path one gets there. */
function Exits({ mesh, end, isLocal }: { mesh: string; end: InboundInfo; isLocal: boolean }) {
  const { say } = useTexts()
  const { data } = useQuery(TUNNEL_QUERIES.tunnels(mesh))
  const outbounds = data?.tunnels.find(tunnel => nameOf(tunnel) === nameOf(end))?.outbound ?? []
  const exits = outbounds.filter(({ id }) => end.exits.length === 0 || end.exits.includes(id))
  if (exits.length === 0) return data === undefined ? '' : say('tunnel.nowhere')
  return (
    <Group gap={6}>
      {exits.map(({ id, name, isOnline, health }) => (
        <span key={id}>
          <Name>{name}</Name>{' '}
          <StateBadge mood={isOnline ? MOODS[health] : 'ill'}>
            {isOnline ? say(`tunnel.health.${health}`) : say('state.offline')}
          </StateBadge>{' '}
          {isLocal && <PathTo endpoint={id} />}
        </span>
      ))}
    </Group>
  )
}

/** The path that bytes take to an endpoint, best known. Only of this computer: others do not tell theirs. */
function PathTo({ endpoint }: { endpoint: string }) {
  const { say } = useTexts()
  const { data } = useQuery(QUERIES.status())
  const path = data?.paths.find(one => one.endpoint === endpoint && one.state === 'open')
  if (path === undefined) return null
  const { roundTripMs } = path
  const far = roundTripMs === undefined ? '' : ` ${roundTripMs.toFixed(1)} ms`
  return (
    <Badge variant="default" tt="none" title={say('tunnel.path')}>
      {`${say(`path.${path.path}`)}${far}`}
    </Badge>
  )
}

/** The ends that connect to targets at an endpoint: to which, how they are, and what they carry. */
export function Outbounds({ mesh, endpoint, actions }: EndsProps) {
  const { say } = useTexts()
  const query = useQuery(QUERIES.outbounds(mesh, endpoint.id))
  const traffic = useTraffic<OutboundInfo>()
  return (
    <section>
      <Title order={2} size="h3">
        {say('tunnel.out')}
      </Title>
      <Loaded query={query}>
        {({ outbounds }) => (
          <Listing
            label={say('tunnel.out')}
            rows={outbounds}
            keyOf={nameOf}
            empty={say('tunnel.outNone')}
            columns={[
              { title: say('tunnel.name'), cell: end => <Name>{nameOf(end)}</Name> },
              { title: say('tunnel.exit'), cell: end => <Targets end={end} /> },
              { title: say('tunnel.health'), cell: end => <Health end={end} /> },
              ...traffic,
              { title: '', cell: end => actions({ mesh, endpoint, kind: 'outbound', end }) },
            ]}
          />
        )}
      </Loaded>
    </section>
  )
}

function Health({ end: { health, error, isPaused } }: { end: OutboundInfo }) {
  const { say } = useTexts()
  if (isPaused === true) return <StateBadge mood="resting">{say('tunnel.paused')}</StateBadge>
  const mood: Mood = error === undefined ? MOODS[health] : 'ill'
  return (
    <>
      <StateBadge mood={mood}>{say(`tunnel.health.${health}`)}</StateBadge>
      {error !== undefined && ` ${error}`}
    </>
  )
}

function Targets({ end: { targets, http } }: { end: OutboundInfo }) {
  const shown =
    http === undefined
      ? targets.map(({ target, health, lastError }) => ({ place: formatTarget(target), health, lastError }))
      : http.routes.flatMap(({ host, path, targets }) => [
          {
            place: `${host}${path}`,
            health: targets.some(one => one.health === 'down') ? 'down' : 'up',
            lastError: undefined,
          },
        ])
  return (
    <Group gap={4}>
      {shown.map(({ place, health, lastError }) => (
        <StateBadge key={place} mood={health === 'down' ? 'ill' : 'resting'} title={lastError}>
          {place}
        </StateBadge>
      ))}
    </Group>
  )
}

function useTraffic<T extends Pick<InboundInfo, 'connectionCount' | 'sentBytes' | 'receivedBytes'>>() {
  const { say, language } = useTexts()
  return [
    { title: say('tunnel.connections'), cell: ({ connectionCount }: T) => connectionCount },
    {
      title: say('tunnel.traffic'),
      cell: ({ sentBytes, receivedBytes }: T) =>
        `${formatBytes(sentBytes, language)} / ${formatBytes(receivedBytes, language)}`,
    },
  ]
}
