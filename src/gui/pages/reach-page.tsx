import { Button, Card, Group, Stack, Text, Title } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { Answer } from '../../core/api/route.ts'
import { call } from '../api/call.ts'
import { QUERIES } from '../api/queries.ts'
import { EndpointChoice } from '../network/endpoint-choice.tsx'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Missing } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { type Mood, StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'

type Reach = Answer<typeof AGENT_API.showReach>

/** Can one reach the other, and why, or why not, and what to do. */
export function ReachPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const services = useQuery(QUERIES.services(mesh))
  const test = useMutation({
    mutationFn: () =>
      call(AGENT_API.showReach, { params: { mesh }, body: { to, ...(from !== '' && { from }) } }),
  })
  return (
    <Stack>
      <Title order={1}>{say('reach.title')}</Title>
      <form
        onSubmit={event => {
          event.preventDefault()
          test.mutate()
        }}
      >
        <Stack>
          <Group align="end">
            <EndpointChoice
              mesh={mesh}
              label={say('reach.from')}
              description={say('reach.fromHelp')}
              value={from}
              onChange={setFrom}
            />
            <EndpointChoice
              mesh={mesh}
              label={say('reach.to')}
              description={say('reach.toHelp')}
              value={to}
              onChange={setTo}
              more={services.data?.services.map(({ name }) => name) ?? []}
            />
            <Button type="submit" disabled={to === ''} loading={test.isPending}>
              {say('reach.test')}
            </Button>
          </Group>
          <Missing query={services} />
          <EqualCommand>
            {formatCommand('ztm', 'reach', to || 'TO', ...(from === '' ? [] : ['--from', from]))}
          </EqualCommand>
        </Stack>
      </form>
      {test.error !== null && <Failure error={test.error} onRetry={() => test.mutate()} />}
      <div aria-live="polite">{test.data !== undefined && <Verdict reach={test.data} />}</div>
    </Stack>
  )
}

function Verdict({ reach }: { reach: Reach }) {
  const { say } = useTexts()
  const { verdict, because, hosts, tried } = reach
  return (
    <Stack>
      <Card withBorder>
        <StateBadge mood={VERDICT_MOODS[verdict]}>{say(`reach.verdict.${verdict}`)}</StateBadge>
        <Text size="sm" mt="xs">
          {say('reach.policy')}: <Name>{because}</Name>
        </Text>
        {verdict !== 'reached' && <Text size="sm">{say(`reach.todo.${verdict}`)}</Text>}
      </Card>
      <Listing
        label={say('reach.hosts')}
        rows={hosts}
        keyOf={({ id }) => id}
        empty={say('reach.nobody')}
        columns={[
          { title: say('endpoint.name'), cell: ({ name }) => name },
          { title: say('endpoint.user'), cell: ({ user }) => user },
          {
            title: say('state.title'),
            cell: ({ isOnline }) => (
              <StateBadge mood={isOnline ? 'well' : 'resting'}>
                {say(isOnline ? 'state.online' : 'state.offline')}
              </StateBadge>
            ),
          },
          { title: say('reach.policy'), cell: host => host.because },
          { title: say('reach.answer'), cell: ({ id }) => <Answered tried={tried} id={id} /> },
        ]}
      />
      {tried.flatMap(({ endpoint, ways }) => ways.map(way => ({ endpoint, ...way }))).length > 0 && (
        <Listing
          label={say('reach.ways')}
          rows={tried.flatMap(({ endpoint, ways }) => ways.map(way => ({ endpoint, ...way })))}
          keyOf={({ endpoint, path }) => `${endpoint} ${path}`}
          empty=""
          columns={[
            { title: say('path.title'), cell: ({ path }) => say(`path.${path}`) },
            {
              title: say('state.title'),
              cell: ({ state }) => <StateBadge mood={MOODS[state]}>{say(`path.state.${state}`)}</StateBadge>,
            },
            { title: say('reach.why'), cell: ({ error = '' }) => error },
          ]}
        />
      )}
    </Stack>
  )
}

function Answered({ tried, id }: { tried: Reach['tried']; id: string }) {
  const one = tried.find(({ endpoint }) => endpoint === id)
  if (one === undefined) return '–'
  if (one.error !== undefined) return <Name>{`${one.error.code}: ${one.error.message}`}</Name>
  return `${(one.roundTripMs ?? 0).toFixed(1)} ms`
}

const MOODS: Readonly<Record<'open' | 'opening' | 'failed', Mood>> = {
  open: 'well',
  opening: 'waiting',
  failed: 'resting',
}
const VERDICT_MOODS: Readonly<Record<Reach['verdict'], Mood>> = {
  reached: 'well',
  unknown: 'waiting',
  down: 'ill',
  denied: 'ill',
  offline: 'ill',
  unreachable: 'ill',
}
