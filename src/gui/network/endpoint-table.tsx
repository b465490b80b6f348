import { Anchor, Badge } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { useQueries } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import type { AGENT_API } from '../../core/api/agent-api.ts'
import type { Answer } from '../../core/api/route.ts'
import { type EndpointFilter, NETWORK_QUERIES, PAGE_SIZE } from '../api/network-queries.ts'
import { formatWhen } from '../parts/amounts.ts'
import { Failure } from '../parts/failure.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import { type VirtualColumn, VirtualTable } from '../parts/virtual-table.tsx'
import { useTexts } from '../texts/texts.ts'

type Endpoint = Answer<typeof AGENT_API.listEndpoints>['endpoints'][number]

/** The endpoints that are meant, asked for as they come into sight. */
export function EndpointTable({
  mesh,
  filter,
  count,
}: {
  mesh: string
  filter: EndpointFilter
  count: number
}) {
  const { say } = useTexts()
  const [[first, last], setRange] = useState<readonly [number, number]>([0, 0])
  const pages = pagesOf(first, last)
  const answers = useQueries({
    queries: pages.map(page => ({
      ...NETWORK_QUERIES.endpointPage(mesh, filter, page),
      placeholderData: (before: Answer<typeof AGENT_API.listEndpoints> | undefined) => before,
    })),
  })
  const onRange = useCallback((from: number, to: number) => setRange([from, to]), [])
  const failed = answers.find(({ error }) => error !== null)
  const columns = useColumns(mesh)
  return (
    <>
      {failed && <Failure error={failed.error} onRetry={() => void failed.refetch()} />}
      <VirtualTable
        label={say('endpoints.title')}
        count={count}
        columns={columns}
        rowAt={index => {
          const at = pages.indexOf(Math.floor(index / PAGE_SIZE))
          return answers[at]?.data?.endpoints[index % PAGE_SIZE]
        }}
        onRange={onRange}
      />
    </>
  )
}

function useColumns(mesh: string): VirtualColumn<Endpoint>[] {
  const { say, language } = useTexts()
  const now = useNow(10_000)
  const isWide = useMediaQuery('(min-width: 48em)')
  const always: VirtualColumn<Endpoint>[] = [
    {
      title: say('endpoint.name'),
      share: 3,
      cell: ({ id, name, isLocal }) => (
        <>
          <Anchor
            underline="always"
            renderRoot={props => (
              <Link {...props} to="/$mesh/endpoints/$endpoint" params={{ mesh, endpoint: id }} />
            )}
          >
            <Name>{name}</Name>
          </Anchor>{' '}
          {isLocal && <Badge variant="default">{say('endpoint.local')}</Badge>}
        </>
      ),
    },
    { title: say('endpoint.user'), share: 2, cell: ({ user }) => <Name>{user}</Name> },
    {
      title: say('state.title'),
      share: 2,
      cell: ({ isOnline }) => (
        <StateBadge mood={isOnline ? 'well' : 'resting'}>
          {say(isOnline ? 'state.online' : 'state.offline')}
        </StateBadge>
      ),
    },
  ]
  if (!isWide) return always
  return [
    ...always,
    {
      title: say('endpoint.lastSeen'),
      share: 2,
      cell: ({ isOnline, lastSeenMs }) => (isOnline ? '' : formatWhen(lastSeenMs, now, language)),
    },
    { title: say('endpoint.labels'), share: 2, cell: ({ labels }) => <Name>{labels.join(', ')}</Name> },
    { title: say('endpoint.version'), share: 1, cell: ({ version }) => <Name>{version}</Name> },
  ]
}

function pagesOf(first: number, last: number): number[] {
  const from = Math.floor(first / PAGE_SIZE)
  return Array.from({ length: Math.floor(last / PAGE_SIZE) - from + 1 }, (_, index) => from + index)
}
