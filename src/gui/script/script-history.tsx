import { Button, Group, Select, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { SCRIPT_API, type ScriptRun } from '../../apps/script/messages.ts'
import type { EndpointInfo } from '../../core/api/shapes.ts'
import { call } from '../api/call.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatWhen } from '../parts/amounts.ts'
import { type Column, Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import type { KeptRun } from './kept-runs.ts'
import { endWords } from './result-panes.tsx'
import { rightsOf } from './script-form.tsx'
import { killScript, listRunning } from './script-line.ts'

/** The runs from this browser, to open and to run again. */
export function KeptRuns({
  kept,
  onOpen,
  onRun,
}: {
  kept: readonly KeptRun[]
  onOpen: (run: KeptRun) => void
  onRun: (run: KeptRun) => void
}) {
  const { say, language } = useTexts()
  const now = useNow(30_000)
  return (
    <section>
      <Title order={2} size="h3" mb="xs">
        {say('script.kept')}
      </Title>
      <Listing
        label={say('script.kept')}
        rows={kept}
        keyOf={({ id }) => id}
        empty={say('script.keptNone')}
        columns={[
          { title: say('script.fileName'), cell: ({ draft }) => <Name>{draft.name}</Name> },
          { title: say('script.began'), cell: ({ atMs }) => formatWhen(atMs, now, language) },
          {
            title: say('script.results'),
            cell: ({ results }) => (
              <Group gap={4}>
                {results.map(({ name, end, isGood }) => (
                  <StateBadge
                    key={name}
                    mood={end === undefined ? 'resting' : isGood ? 'well' : 'ill'}
                    title={end}
                  >
                    {`${visibleName(name)} ${end ?? ''}`}
                  </StateBadge>
                ))}
              </Group>
            ),
          },
          {
            title: '',
            cell: run => (
              <Group gap={4} wrap="nowrap">
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={`${say('script.load')} ${visibleName(run.draft.name)}`}
                  onClick={() => onOpen(run)}
                >
                  {say('script.load')}
                </Button>
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={`${say('script.runAgain')} ${visibleName(run.draft.name)}`}
                  onClick={() => onRun(run)}
                >
                  {say('script.runAgain')}
                </Button>
              </Group>
            ),
          },
        ]}
      />
    </section>
  )
}

/** What runs at an endpoint now, and what it ran before. */
export function EndpointRuns({ mesh, endpoints }: { mesh: string; endpoints: readonly EndpointInfo[] }) {
  const { say } = useTexts()
  const [endpoint, setEndpoint] = useState<string | null>(null)
  return (
    <Stack component="section" gap="xs">
      <Title order={2} size="h3">
        {say('script.history')}
      </Title>
      <Text size="sm">{say('script.historyHelp')}</Text>
      <Select
        label={say('tunnel.endpoint')}
        data={endpoints
          .filter(({ isOnline }) => isOnline)
          .map(({ id, name }) => ({ value: id, label: visibleName(name) }))}
        value={endpoint}
        onChange={setEndpoint}
        limit={50}
        searchable
        maw={320}
      />
      {endpoint !== null && <Running mesh={mesh} endpoint={endpoint} />}
      {endpoint !== null && <Before mesh={mesh} endpoint={endpoint} />}
    </Stack>
  )
}

function Running({ mesh, endpoint }: { mesh: string; endpoint: string }) {
  const { say } = useTexts()
  const query = useQuery({
    queryKey: ['scripts', mesh, endpoint],
    queryFn: () => listRunning(mesh, endpoint),
    refetchInterval: 3_000,
  })
  const columns = useRunColumns()
  return (
    <Loaded query={query}>
      {runs => (
        <Listing<ScriptRun>
          label={say('script.runs')}
          rows={runs}
          keyOf={({ run }) => run}
          empty={say('script.runsNone')}
          columns={[
            ...columns,
            {
              title: '',
              cell: ({ run, name }) => (
                <ActionButton
                  label={`${say('script.stop')} ${visibleName(name)}`}
                  run={() => killScript(mesh, endpoint, run)}
                >
                  {say('script.stop')}
                </ActionButton>
              ),
            },
          ]}
        />
      )}
    </Loaded>
  )
}

function Before({ mesh, endpoint }: { mesh: string; endpoint: string }) {
  const { say } = useTexts()
  const query = useQuery({
    queryKey: ['script-history', mesh, endpoint],
    queryFn: ({ signal }) =>
      call(
        SCRIPT_API.listHistory,
        { params: { endpoint } },
        { prefix: `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/script`, signal },
      ),
    refetchInterval: 5_000,
  })
  const columns = useRunColumns()
  return (
    <Loaded query={query}>
      {({ runs }) => (
        <Listing<ScriptRun>
          label={say('script.history')}
          rows={runs}
          keyOf={({ run }) => run}
          empty={say('script.none')}
          columns={[
            ...columns,
            { title: say('script.hash'), cell: ({ hash }) => <code title={hash}>{hash.slice(0, 12)}</code> },
            {
              title: say('script.took'),
              cell: ({ durationMs }) => durationMs !== undefined && `${(durationMs / 1_000).toFixed(1)} s`,
            },
            { title: say('script.exit'), cell: ({ end }) => end && <Name>{endWords(end, say)}</Name> },
          ]}
        />
      )}
    </Loaded>
  )
}

function useRunColumns(): Column<ScriptRun>[] {
  const { say, language } = useTexts()
  const now = useNow(10_000)
  return [
    { title: say('script.fileName'), cell: ({ name }) => <Name>{name}</Name> },
    { title: say('endpoint.user'), cell: ({ user }) => <Name>{user}</Name> },
    { title: say('script.began'), cell: ({ startedAtMs }) => formatWhen(startedAtMs, now, language) },
    {
      title: say('script.may'),
      cell: ({ grants }) => <Name>{rightsOf({ grants }) || say('script.mayNothing')}</Name>,
    },
  ]
}
