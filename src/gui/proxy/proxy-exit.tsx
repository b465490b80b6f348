import { Button, Group, MultiSelect, Stack, TagsInput, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ExitSetting, ProxyConfig } from '../../apps/proxy/messages.ts'
import { type ProxyPlace, useProxyChange } from '../api/proxy-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Missing } from '../parts/loaded.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'
import { formatProxyCommand } from './proxy-words.ts'

/** Whether connections of others leave the mesh at an endpoint, whose, and what of its networks they reach. */
export function ProxyExit({ place, config: { exit } }: { place: ProxyPlace; config: ProxyConfig }) {
  const { say } = useTexts()
  const change = useProxyChange(place)
  return (
    <section>
      <Group gap="xs" mb="xs">
        <Title order={2} size="h3">
          {say('proxy.exit')}
        </Title>
        <StateBadge mood={exit === undefined ? 'resting' : exit.error === undefined ? 'well' : 'ill'}>
          {say(exit === undefined ? 'proxy.state.off' : 'proxy.state.on')}
        </StateBadge>
      </Group>
      <Text size="sm">{exit?.error ?? say(exit === undefined ? 'proxy.exitOff' : 'proxy.exitHelp')}</Text>
      <Group my="xs">
        {exit === undefined ? (
          <Button loading={change.isPending} onClick={() => change.mutate(() => ({ exit: {} }))}>
            {say('proxy.exitOn')}
          </Button>
        ) : (
          <Button
            variant="default"
            loading={change.isPending}
            aria-label={`${say('proxy.off')}: ${say('proxy.exit')}`}
            onClick={() => change.mutate(() => ({ exit: null }))}
          >
            {say('proxy.off')}
          </Button>
        )}
      </Group>
      {change.error !== null && <Failure error={change.error} />}
      <EqualCommand>
        {formatProxyCommand(place.endpoint, 'config', '--exit', exit === undefined ? 'on' : 'off')}
      </EqualCommand>
      {exit !== undefined && <ExitForm place={place} exit={exit} />}
    </section>
  )
}

function ExitForm({ place, exit }: { place: ProxyPlace; exit: ExitSetting }) {
  const { say } = useTexts()
  const [users, setUsers] = useState<string[]>([...exit.users])
  const [groups, setGroups] = useState<string[]>([...(exit.groups ?? [])])
  const [opens, setOpens] = useState<string[]>([...exit.opens])
  const allUsers = useQuery(QUERIES.users(place.mesh))
  const allGroups = useQuery(QUERIES.groups(place.mesh))
  const change = useProxyChange(place)
  const closed = exit.opens.filter(target => !opens.includes(target))
  const opened = opens.filter(target => !exit.opens.includes(target))
  const words = [
    ...['--users', ...(users.length > 0 ? users : ['none'])],
    ...(groups.length > 0 || exit.groups !== undefined
      ? ['--groups', ...(groups.length > 0 ? groups : ['none'])]
      : []),
    ...(opened.length > 0 ? ['--open', ...opened] : []),
    ...(closed.length > 0 ? ['--close', ...closed] : []),
  ]
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        const who = { users, ...((groups.length > 0 || exit.groups !== undefined) && { groups }) }
        // What was typed and is no name, the endpoint refuses.
        change.mutate(() => ({ exit: { ...who, opens } as Partial<ExitSetting> }))
      }}
    >
      <Stack gap="xs" mt="xs" maw={640}>
        <Missing query={allUsers} also={allGroups} />
        <TagsInput
          label={say('proxy.users')}
          description={say('tunnel.usersHelp')}
          data={['*', ...(allUsers.data?.users ?? []).map(({ name }) => name)]}
          value={users}
          onChange={setUsers}
          acceptValueOnBlur
        />
        <MultiSelect
          label={say('proxy.groups')}
          data={[
            ...new Set([...(allGroups.data?.groups ?? []).map(({ name }) => name as string), ...groups]),
          ]}
          value={groups}
          onChange={setGroups}
        />
        <TagsInput
          label={say('proxy.opens')}
          description={say('proxy.opensHelp')}
          value={opens}
          onChange={setOpens}
          acceptValueOnBlur
        />
        <EqualCommand>{formatProxyCommand(place.endpoint, 'config', ...words)}</EqualCommand>
        {change.error !== null && <Failure error={change.error} />}
        <Group>
          <Button type="submit" loading={change.isPending}>
            {say('action.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
