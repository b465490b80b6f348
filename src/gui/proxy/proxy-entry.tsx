import { Button, Code, Group, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useState } from 'react'
import type { ProxyConfig } from '../../apps/proxy/messages.ts'
import { formatAddress, parseAddress } from '../../core/model/address.ts'
import { changeProxy, type ProxyPlace, useProxyChange } from '../api/proxy-queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { Copy, EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'
import { formatProxyCommand } from './proxy-words.ts'

/** Where programs come in to a proxy, and who may. */
export function ProxyEntry({ place, config }: { place: ProxyPlace; config: ProxyConfig }) {
  const { say } = useTexts()
  const { listen } = config
  const where = listen && formatAddress({ host: listen.ip, port: listen.port })
  const [typed, setTyped] = useState(where ?? '127.0.0.1:1080')
  const change = useProxyChange(place)
  const state = listen === undefined ? 'off' : listen.isOpen ? 'on' : 'closed'
  return (
    <section>
      <Group gap="xs" mb="xs">
        <Title order={2} size="h3">
          {say('proxy.in')}
        </Title>
        <StateBadge mood={STATE_MOODS[state]} title={listen?.error}>
          {say(`proxy.state.${state}`)}
        </StateBadge>
      </Group>
      <form
        onSubmit={event => {
          event.preventDefault()
          change.mutate(() => {
            const { host, port } = parseAddress(typed)
            return { listen: { ip: host, port } }
          })
        }}
      >
        <Group align="end">
          <TextInput
            label={say('proxy.listen')}
            description={say('proxy.listenHelp')}
            value={typed}
            onChange={event => setTyped(event.currentTarget.value)}
            required
          />
          <Button type="submit" loading={change.isPending}>
            {say(listen === undefined ? 'proxy.on' : 'action.save')}
          </Button>
          {listen !== undefined && (
            <Button
              variant="default"
              loading={change.isPending}
              onClick={() => change.mutate(() => ({ listen: null }))}
            >
              {say('proxy.off')}
            </Button>
          )}
        </Group>
      </form>
      {change.error !== null && <Failure error={change.error} />}
      {listen?.error !== undefined && <Text size="sm">{listen.error}</Text>}
      <Stack mt="xs">
        <EqualCommand>
          {formatProxyCommand(place.endpoint, 'config', '--listen', typed || 'PORT')}
        </EqualCommand>
        {listen?.isOpen && (
          <div>
            <Text size="sm">{say('proxy.pac')}</Text>
            <Group gap="xs">
              <Code>{`http://${where}/proxy.pac`}</Code>
              <Copy text={`http://${where}/proxy.pac`} />
            </Group>
          </div>
        )}
        {listen !== undefined && <ProxyClients place={place} names={config.clients} />}
      </Stack>
    </section>
  )
}

const STATE_MOODS = { on: 'well', off: 'resting', closed: 'ill' } as const

function ProxyClients({ place, names }: { place: ProxyPlace; names: readonly string[] }) {
  const { say } = useTexts()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const add = useProxyChange(place, () => {
    setName('')
    setPassword('')
  })
  const others = (left: string) => names.filter(one => one !== left).map(one => ({ name: one }))
  return (
    <section>
      <Title order={3} size="h4">
        {say('proxy.clients')}
      </Title>
      <Listing
        label={say('proxy.clients')}
        rows={names.map(name => ({ name }))}
        keyOf={client => client.name}
        empty={say('proxy.clientAll')}
        columns={[
          { title: say('proxy.clientName'), cell: client => <Name>{client.name}</Name> },
          {
            title: '',
            cell: client => (
              <ActionButton
                label={`${say('action.delete')} ${client.name}`}
                run={() => changeProxy(place, { clients: others(client.name) })}
              >
                {say('action.delete')}
              </ActionButton>
            ),
          },
        ]}
      />
      <form
        onSubmit={event => {
          event.preventDefault()
          add.mutate(() => ({ clients: [...others(name), { name, password }] }))
        }}
      >
        <Group align="end">
          <TextInput
            label={say('proxy.clientName')}
            value={name}
            onChange={event => setName(event.currentTarget.value)}
            autoComplete="off"
            required
          />
          <PasswordInput
            label={say('proxy.clientPassword')}
            value={password}
            onChange={event => setPassword(event.currentTarget.value)}
            autoComplete="new-password"
            miw={180}
            required
          />
          <Button type="submit" variant="default" loading={add.isPending}>
            {say('proxy.clientAdd')}
          </Button>
        </Group>
      </form>
      {add.error !== null && <Failure error={add.error} />}
      <EqualCommand>{formatProxyCommand(place.endpoint, 'config', '--clients', 'FILE')}</EqualCommand>
    </section>
  )
}
