import { Button, Group, Select, Stack, Table, TextInput, Title } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { ProxyConfig } from '../../apps/proxy/messages.ts'
import { formatAddress } from '../../core/model/address.ts'
import { parseConnectionTarget } from '../../core/model/connection-target.ts'
import { type ProxyPlace, testTarget } from '../api/proxy-queries.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'
import { formatProxyCommand } from './proxy-words.ts'

/** Try a connection: which rule and which exit it takes, and whether it works. */
export function ProxyTester({ place, config }: { place: ProxyPlace; config: ProxyConfig }) {
  const { say } = useTexts()
  const [typed, setTyped] = useState('https://example.com')
  const [client, setClient] = useState('')
  const test = useMutation({
    async mutationFn() {
      const { host, port } = parseConnectionTarget(typed.trim())
      return testTarget(place, host, port, client)
    },
  })
  const words = ['test', typed || 'URL', ...(client === '' ? [] : ['--client', client])]
  return (
    <section>
      <Title order={2} size="h3" mb="xs">
        {say('proxy.test')}
      </Title>
      <form
        onSubmit={event => {
          event.preventDefault()
          test.mutate()
        }}
      >
        <Stack gap="xs" maw={640}>
          <Group align="end">
            <TextInput
              label={say('proxy.testUrl')}
              value={typed}
              onChange={event => setTyped(event.currentTarget.value)}
              miw={240}
              required
            />
            {config.clients.length > 0 && (
              <Select
                label={say('proxy.testClient')}
                data={config.clients}
                value={client || null}
                onChange={value => setClient(value ?? '')}
                clearable
              />
            )}
            <Button type="submit" loading={test.isPending}>
              {say('proxy.testButton')}
            </Button>
          </Group>
          <EqualCommand>{formatProxyCommand(place.endpoint, ...words)}</EqualCommand>
        </Stack>
      </form>
      {test.error !== null && <Failure error={test.error} />}
      <div role="status">{test.data !== undefined && <Verdict verdict={test.data} />}</div>
    </section>
  )
}

function Verdict({ verdict }: { verdict: Awaited<ReturnType<typeof testTarget>> }) {
  const { say } = useTexts()
  const { host, port, rule, action, exit, error } = verdict
  return (
    <Table maw={640} variant="vertical" aria-label={say('proxy.result')}>
      <Table.Tbody>
        <Table.Tr>
          <Table.Th>{say('proxy.targets')}</Table.Th>
          <Table.Td>{formatAddress({ host, port })}</Table.Td>
        </Table.Tr>
        <Table.Tr>
          <Table.Th>{say('proxy.rule')}</Table.Th>
          <Table.Td>{rule ?? say('proxy.ruleNone')}</Table.Td>
        </Table.Tr>
        <Table.Tr>
          <Table.Th>{say('proxy.action')}</Table.Th>
          <Table.Td>
            {say(`proxy.action.${action}`)} {exit && <Name>{`${exit.name ?? exit.id} (${exit.user})`}</Name>}
          </Table.Td>
        </Table.Tr>
        <Table.Tr>
          <Table.Th>{say('proxy.result')}</Table.Th>
          <Table.Td>
            <StateBadge mood={error === undefined ? 'well' : 'ill'}>
              {error === undefined ? say('proxy.testGood') : '✗'}
            </StateBadge>{' '}
            {error}
          </Table.Td>
        </Table.Tr>
      </Table.Tbody>
    </Table>
  )
}
