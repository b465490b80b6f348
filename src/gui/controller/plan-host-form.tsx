import { Button, NumberInput, Select, Stack, Text } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Entity, nameOf } from '../../core/edge/entity-members.ts'
import { openEdge } from '../api/edge-queries.ts'
import { EndpointChoice } from '../network/endpoint-choice.tsx'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'

/** Say how an endpoint will rank as a host of a service, before it hosts it. */
export function PlanHostForm({
  mesh,
  service,
  onDone,
}: {
  mesh: string
  service: Entity
  onDone: () => void
}) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [endpoint, setEndpoint] = useState('')
  const [cost, setCost] = useState<number | string>(0)
  const [precedence, setPrecedence] = useState('default')
  const plan = useMutation({
    mutationFn: () => {
      const rank = { cost: Number(cost), precedence }
      return openEdge(mesh).create('terminator', { service: service.id, address: endpoint.trim(), ...rank })
    },
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: ['edge', mesh] })
      onDone()
    },
  })
  const rank = ['--cost', String(cost), '--precedence', precedence]
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        if (!plan.isPending) plan.mutate()
      }}
    >
      <Stack>
        <Text size="sm">{say('edge.planHelp')}</Text>
        <EndpointChoice mesh={mesh} label={say('edge.host')} value={endpoint} onChange={setEndpoint} />
        <NumberInput
          label={say('edge.cost')}
          value={cost}
          onChange={setCost}
          min={0}
          max={65_535}
          allowDecimal={false}
        />
        <Select
          label={say('edge.precedence')}
          data={['required', 'default', 'failed']}
          value={precedence}
          onChange={value => setPrecedence(value ?? 'default')}
          allowDeselect={false}
        />
        <EqualCommand>
          {formatCommand(
            ...['ztm', 'create', 'terminator', nameOf(service)],
            ...['--endpoint', endpoint.trim() || 'ENDPOINT', ...rank],
          )}
        </EqualCommand>
        {plan.error !== null && <Failure error={plan.error} />}
        <Button type="submit" loading={plan.isPending} disabled={endpoint.trim() === ''}>
          {say('edge.plan')}
        </Button>
      </Stack>
    </form>
  )
}
