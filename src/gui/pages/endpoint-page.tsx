import { Button, Card, Group, Stack, Text, Title } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { call } from '../api/call.ts'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { TrafficGraphs } from '../graph/traffic-graphs.tsx'
import { EndpointChanges } from '../network/endpoint-changes.tsx'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'
import { PathListing } from './path-listing.tsx'

/** One endpoint: what is known of it, and every way to it. */
export function EndpointPage() {
  const { say } = useTexts()
  const { mesh, endpoint } = useParams({ from: '/$mesh/endpoints/$endpoint' })
  const query = useQuery(QUERIES.endpoint(mesh, endpoint))
  const ping = useMutation({
    mutationFn: () => call(AGENT_API.pingEndpoint, { params: { mesh, endpoint } }),
  })
  return (
    <Loaded query={query}>
      {found => (
        <Stack>
          <Group>
            <Title order={1} style={{ overflowWrap: 'anywhere' }}>
              <Name>{found.name}</Name>
            </Title>
            <StateBadge mood={found.isOnline ? 'well' : 'resting'}>
              {say(found.isOnline ? 'state.online' : 'state.offline')}
            </StateBadge>
          </Group>
          <Card withBorder style={{ overflowWrap: 'anywhere' }}>
            <Text size="sm">
              {say('endpoint.user')}: <Name>{found.user}</Name>
            </Text>
            <Text size="sm">
              {say('endpoint.version')}: <Name>{found.version}</Name>
            </Text>
            {found.address !== undefined && (
              <Text size="sm">
                {say('endpoint.address')}: <Name>{found.address}</Name>
              </Text>
            )}
            <Text size="sm">ID: {found.id}</Text>
          </Card>
          <Group>
            <Button loading={ping.isPending} disabled={found.isLocal} onClick={() => ping.mutate()}>
              {say('endpoint.ping')}
            </Button>
            <Text aria-live="polite">
              {ping.data &&
                say('endpoint.pinged', {
                  ms: ping.data.roundTripMs.toFixed(1),
                  path: pathName(ping.data.path),
                })}
            </Text>
          </Group>
          {ping.error !== null && <Failure error={ping.error} />}
          <EqualCommand>{formatCommand('ztm', 'ping', 'ep', found.name)}</EqualCommand>
          <EndpointChanges mesh={mesh} endpoint={found} />
          <Title order={2} size="h3">
            {say('endpoint.paths')}
          </Title>
          <PathListing paths={found.paths} />
          {!found.isLocal && <Traffic mesh={mesh} endpoint={found.id} />}
        </Stack>
      )}
    </Loaded>
  )

  function pathName(path: string): string {
    const known = (['direct', 'punched', 'relay', 'relay-h2'] as const).find(one => one === path)
    return known === undefined ? path : say(`path.${known}`)
  }
}

/** An hour of what went to it and came from it: by each path, and together where there are several. */
function Traffic({ mesh, endpoint }: { mesh: string; endpoint: string }) {
  const { say } = useTexts()
  const query = useQuery(NETWORK_QUERIES.traffic(mesh, endpoint))
  return (
    <Loaded query={query}>
      {({ total, paths, ...span }) => (
        <>
          {paths.length > 1 && <TrafficGraphs title={say('traffic.all')} traffic={total} {...span} />}
          {paths.map(({ path, ...traffic }) => (
            <TrafficGraphs key={path} title={say(`path.${path}`)} traffic={traffic} {...span} />
          ))}
        </>
      )}
    </Loaded>
  )
}
