import { Button, Card, Group, SimpleGrid, Text, Title } from '@mantine/core'
import { useLayoutEffect, useRef } from 'react'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { type Say, useTexts } from '../texts/texts.ts'
import type { RunOutput } from './run-output.ts'
import { isGoing, isGood, type PlaceRun } from './script-runs.ts'

/** What came of a script: a table of endpoints, and what each wrote, side by side. */
export function ResultPanes({
  runs,
  onStop,
}: {
  runs: readonly PlaceRun[]
  onStop: (endpoint?: string) => void
}) {
  const { say } = useTexts()
  const isAnyGoing = isGoing(runs)
  return (
    <section aria-label={say('script.results')}>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h3">
          {say('script.results')}
        </Title>
        <Group gap="xs">
          <Text size="sm" role="status">
            {!isAnyGoing && say('script.summary', { good: runs.filter(isGood).length, total: runs.length })}
          </Text>
          {isAnyGoing && (
            <Button size="compact-sm" color="red.9" onClick={() => onStop()}>
              {say('script.stopAll')}
            </Button>
          )}
        </Group>
      </Group>
      <Listing<PlaceRun>
        label={say('script.results')}
        rows={runs}
        keyOf={({ id }) => id}
        empty=""
        columns={[
          { title: say('endpoint.name'), cell: ({ name }) => <Name>{name}</Name> },
          { title: say('state.title'), cell: run => <RunBadge run={run} /> },
          { title: say('script.took'), cell: ({ durationMs }) => `${(durationMs / 1_000).toFixed(1)} s` },
          {
            title: '',
            cell: ({ id, name, state: { is } }) =>
              (is === 'running' || is === 'starting' || is === 'waiting') && (
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={`${say('script.stop')} ${visibleName(name)}`}
                  onClick={() => onStop(id)}
                >
                  {say('script.stop')}
                </Button>
              ),
          },
        ]}
      />
      <SimpleGrid
        type="container"
        cols={{ base: 1, '700px': Math.min(2, runs.length), '1300px': Math.min(3, runs.length) }}
        mt="md"
      >
        {runs.map(run => (
          <Pane key={run.id} run={run} />
        ))}
      </SimpleGrid>
    </section>
  )
}

function Pane({ run }: { run: PlaceRun }) {
  const { say } = useTexts()
  const { name, state, output, walls } = run
  return (
    <Card withBorder padding="xs">
      <Group justify="space-between" mb={4} wrap="nowrap">
        <Title order={3} size="h5" style={{ overflowWrap: 'anywhere' }}>
          <Name>{name}</Name>
        </Title>
        <RunBadge run={run} />
      </Group>
      {walls === 'node' && <Text size="xs">{say('script.walls.node')}</Text>}
      {state.is === 'failed' && <Failure error={state.error} />}
      {state.is !== 'failed' && (
        <Output
          output={output}
          label={say('script.output', { name: visibleName(name) })}
          isOver={state.is === 'over'}
        />
      )}
    </Card>
  )
}

/** What a script wrote; stays at its end as it grows, unless who reads it has scrolled up. */
function Output({ output, label, isOver }: { output: RunOutput; label: string; isOver: boolean }) {
  const { say } = useTexts()
  const place = useRef<HTMLElement>(null)
  const isAtEnd = useRef(true)
  const { pieces, cutUnits } = output
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever there is more
  useLayoutEffect(() => {
    const { current } = place
    if (current !== null && isAtEnd.current) current.scrollTop = current.scrollHeight
  }, [pieces])
  return (
    <>
      {cutUnits > 0 && <Text size="xs">{say('script.cut', { size: cutUnits })}</Text>}
      {isOver && pieces.length === 0 && <Text size="sm">{say('script.wrote')}</Text>}
      {pieces.length > 0 && (
        <section
          ref={place}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
          tabIndex={0}
          aria-label={label}
          onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
            isAtEnd.current = scrollHeight - scrollTop - clientHeight < 8
          }}
          style={{
            maxHeight: '50vh',
            overflow: 'auto',
            whiteSpace: 'pre-wrap',
            overflowWrap: 'anywhere',
            fontSize: 13,
            fontFamily: 'ui-monospace, Menlo, Consolas, monospace',
          }}
        >
          {pieces.map(({ kind, text }, at) => (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: they are only added to
              key={at}
              style={kind === 'errors' ? { color: 'light-dark(#8a1c1c, #ffb3b3)', fontStyle: 'italic' } : {}}
            >
              {text}
            </span>
          ))}
        </section>
      )}
    </>
  )
}

function RunBadge({ run }: { run: PlaceRun }) {
  const { say } = useTexts()
  const { state } = run
  if (state.is === 'failed')
    return (
      <StateBadge mood="ill" title={state.error.message}>
        {say('script.state.failed')}
      </StateBadge>
    )
  if (state.is === 'over')
    return (
      <StateBadge
        mood={isGood(run) ? 'well' : 'ill'}
      >{`${say('script.exit')} ${endWords(state.end, say)}`}</StateBadge>
    )
  return (
    <StateBadge mood={state.is === 'running' ? 'well' : 'waiting'}>
      {say(`script.state.${state.is}`)}
    </StateBadge>
  )
}

/** How a script ended, in few words: its exit code, a signal, or why it was killed. */
export function endWords(
  end: { readonly code: number } | { readonly signal: string } | { readonly killed: string },
  say: Say,
): string {
  if ('code' in end) return String(end.code)
  return 'signal' in end ? end.signal : say('script.end.killed', { why: end.killed })
}
