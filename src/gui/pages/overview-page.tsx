import { Card, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import { MeshError } from '../../core/model/errors.ts'
import { call } from '../api/call.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatWhen } from '../parts/amounts.ts'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import { CertificatesSection } from './certificates-section.tsx'
import { PathListing } from './path-listing.tsx'

/** One mesh: how the link is, who one is in it, and the ways to others that are open. */
export function OverviewPage() {
  const { say } = useTexts()
  const { mesh: name } = useParams({ from: '/$mesh' })
  const status = useQuery(QUERIES.status())
  return (
    <Stack>
      <Title order={1}>{say('overview.title')}</Title>
      <Loaded query={status}>
        {({ meshes, paths }) => (
          <>
            {meshes
              .filter(mesh => mesh.name === name)
              .map(mesh => (
                <MeshCard key={mesh.name} mesh={mesh} />
              ))}
            <Title order={2} size="h3">
              {say('endpoint.paths')}
            </Title>
            <PathListing paths={paths} />
            <CertificatesSection mesh={name} />
          </>
        )}
      </Loaded>
    </Stack>
  )
}

function MeshCard({ mesh }: { mesh: MeshInfo }) {
  const { say, language } = useTexts()
  const now = useNow(10_000)
  const navigate = useNavigate()
  const queries = useQueryClient()
  const leave = async () => {
    await call(AGENT_API.leaveMesh, { params: { mesh: mesh.name } })
    await queries.invalidateQueries({ queryKey: QUERIES.status().queryKey })
    await navigate({ to: '/' })
  }
  const facts = [
    [say('mesh.hub'), mesh.hub ?? mesh.bootstraps.join(', ')],
    [say('mesh.certificate'), formatWhen(mesh.certificateExpiresAtMs, now, language)],
    [say('state.title'), formatWhen(mesh.sinceMs, now, language)],
  ]
  return (
    <Card withBorder>
      <Group justify="space-between">
        <Text fw={600}>
          <Name>{mesh.name}</Name>
        </Text>
        <StateBadge mood={mesh.state === 'online' ? 'well' : 'waiting'}>
          {say(`mesh.state.${mesh.state}`)}
        </StateBadge>
      </Group>
      <Text size="sm">{say('mesh.you', { user: mesh.endpoint.user, endpoint: mesh.endpoint.name })}</Text>
      <SimpleGrid cols={{ base: 1, sm: 3 }} mt="sm">
        {facts.map(([title, value]) => (
          <div key={title}>
            <Text size="xs">{title}</Text>
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {value}
            </Text>
          </div>
        ))}
      </SimpleGrid>
      <Group mt="sm">
        <ActionButton
          label={`${say('mesh.leave')} ${mesh.name}`}
          question={say('mesh.leaveAsk', { name: mesh.name })}
          run={leave}
        >
          {say('mesh.leave')}
        </ActionButton>
      </Group>
      {mesh.error !== undefined && <Failure error={new MeshError(mesh.error.code, mesh.error.message)} />}
    </Card>
  )
}
