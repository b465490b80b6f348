import { Button, Group, NumberInput, Stack, TagsInput, Text, TextInput, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { formatAddress } from '../../core/model/address.ts'
import { call } from '../api/call.ts'
import { QUERIES } from '../api/queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { HubPlaces } from '../start/hub-places.tsx'
import { StepLine } from '../start/step-line.tsx'
import { useTexts } from '../texts/texts.ts'

/** Start a mesh of one's own: a hub on this computer, which joins it, and is told who can reach it. */
export function StartPage() {
  const { say } = useTexts()
  const hub = useQuery({
    queryKey: ['own-hub'],
    queryFn: ({ signal }) => call(AGENT_API.showOwnHub, {}, { signal }),
    // It tries every name of the hub.
    staleTime: 30_000,
  })
  return (
    <Stack maw={640}>
      <Title order={1}>{say('start.title')}</Title>
      <Text>{say('start.help')}</Text>
      <Loaded query={hub}>
        {({ isRunning, isKnown, addresses }) => (
          <StartForm isRunning={isRunning} isKnown={isKnown} addresses={addresses} />
        )}
      </Loaded>
    </Stack>
  )
}

interface FormProps {
  readonly isRunning: boolean
  readonly isKnown: boolean
  readonly addresses: readonly string[]
}

function StartForm({ isRunning, isKnown, addresses }: FormProps) {
  const { say } = useTexts()
  const [mesh, setMesh] = useState('home')
  const status = useQuery(QUERIES.status())
  const [typedEndpoint, setEndpoint] = useState<string>()
  const endpoint = typedEndpoint ?? status.data?.computerName ?? ''
  const [port, setPort] = useState<number | string>(8_888)
  const [names, setNames] = useState<string[]>()
  const suggested = addresses.slice(0, 4).map(host => formatAddress({ host, port: Number(port) || 8_888 }))
  const chosen = names ?? suggested
  const { start, join, look, run } = useSteps({ port: Number(port), names: chosen, mesh, endpoint })
  const isBusy = start.isPending || join.isPending
  const words = ['--port', String(port), '--names', ...chosen]
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        run()
      }}
    >
      <Stack>
        {isRunning && <Text role="status">{say('start.running')}</Text>}
        {!isRunning && isKnown && <Text role="status">{say('start.known')}</Text>}
        <TextInput
          label={say('join.mesh')}
          value={mesh}
          onChange={event => setMesh(event.currentTarget.value)}
          required
        />
        <TextInput
          label={say('join.endpoint')}
          value={endpoint}
          onChange={event => setEndpoint(event.currentTarget.value)}
          required
        />
        {!isRunning && (
          <>
            <NumberInput
              label={say('start.port')}
              description={say('start.portHelp')}
              value={port}
              onChange={setPort}
              min={1}
              max={65_535}
              allowDecimal={false}
              hideControls
              required
            />
            <TagsInput
              label={say('start.names')}
              description={say('start.namesHelp')}
              data={suggested}
              value={chosen}
              onChange={setNames}
              acceptValueOnBlur
            />
          </>
        )}
        <EqualCommand>
          {formatCommand('ztm', 'start', 'mesh', mesh || 'MESH', '--as', endpoint || 'NAME', ...words)}
        </EqualCommand>
        <Group>
          <Button type="submit" loading={isBusy} disabled={chosen.length === 0 || join.isSuccess}>
            {say('start.button')}
          </Button>
        </Group>
        <Steps start={start} join={join} look={look} onRetry={run} />
        {look.isSuccess && <WhatNext mesh={mesh} />}
      </Stack>
    </form>
  )
}

/** What was done, and what came of it. */
function Steps({
  start,
  join,
  look,
  onRetry,
}: Pick<ReturnType<typeof useSteps>, 'start' | 'join' | 'look'> & { onRetry: () => void }) {
  const { say } = useTexts()
  return (
    <ol aria-label={say('start.steps')} style={{ listStyle: 'none', padding: 0, margin: 0 }}>
      <StepLine title={say('start.step.hub')} step={start} onRetry={onRetry}>
        {start.data && say(`start.runs.${start.data.runs}`)} {start.data?.note}
      </StepLine>
      <StepLine title={say('start.step.join')} step={join} onRetry={() => join.mutate()}>
        {join.data && say('mesh.you', { user: join.data.endpoint.user, endpoint: join.data.endpoint.name })}
      </StepLine>
      <StepLine title={say('start.step.reach')} step={look} onRetry={() => look.mutate()}>
        {look.data && <HubPlaces places={look.data.places} />}
      </StepLine>
    </ol>
  )
}

function WhatNext({ mesh }: { mesh: string }) {
  const { say } = useTexts()
  return (
    <Group>
      <Button component={Link} to="/$mesh" params={{ mesh } as never}>
        {say('start.go')}
      </Button>
      <Button component={Link} to="/$mesh/users" params={{ mesh } as never} variant="default">
        {say('invite.title')}
      </Button>
    </Group>
  )
}

interface Wish {
  readonly port: number
  readonly names: string[]
  readonly mesh: string
  readonly endpoint: string
}

/** Three steps, each after the one before; what failed is tried again from there. */
function useSteps({ port, names, mesh, endpoint }: Wish) {
  const queries = useQueryClient()
  const look = useMutation({ mutationFn: () => call(AGENT_API.showOwnHub, {}) })
  const join = useMutation({
    mutationFn: () => call(AGENT_API.joinOwnHub, { body: { mesh, endpoint } }),
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: ['status'] })
      look.mutate()
    },
  })
  const start = useMutation({
    mutationFn: () => call(AGENT_API.startOwnHub, { body: { port, names } }),
    onSuccess: () => join.mutate(),
  })
  return { start, join, look, run: () => start.mutate() }
}
