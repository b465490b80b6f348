import { Badge, Button, Group, MultiSelect, Select, Stack, TagsInput, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { EntryRule, ExitRule, ProxyChange, ProxyConfig } from '../../apps/proxy/messages.ts'
import { changeProxy, type ProxyPlace, useProxyChange } from '../api/proxy-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { type Column, Listing } from '../parts/listing.tsx'
import { Missing } from '../parts/loaded.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'
import { entryRuleWords, exitRuleWords, formatProxyCommand, moved } from './proxy-words.ts'

/** Which way out connections take: the first rule that fits decides. */
export function EntryRules({ place, config }: { place: ProxyPlace; config: ProxyConfig }) {
  const { say } = useTexts()
  const { rules } = config
  return (
    <section>
      <Title order={2} size="h3">
        {say('proxy.rules')}
      </Title>
      <RuleListing
        place={place}
        label={say('proxy.rules')}
        empty={say('proxy.rulesNone')}
        rules={rules}
        write={changed => ({ rules: changed })}
        isExit={false}
        columns={[
          { title: say('proxy.for'), cell: rule => rule.clients.join(', ') || say('proxy.forAll') },
          {
            title: say('proxy.exits'),
            cell: rule =>
              rule.action === 'exit' &&
              (rule.exits.map(({ name }) => name).join(', ') || say('proxy.exitsOwn')),
          },
        ]}
      />
      <EntryRuleForm place={place} config={config} />
    </section>
  )
}

/** Who may reach what through the exit: the first rule that fits decides. */
export function ExitRules({ place, rules }: { place: ProxyPlace; rules: readonly ExitRule[] }) {
  const { say } = useTexts()
  return (
    <section>
      <Title order={3} size="h4">
        {say('proxy.exitRules')}
      </Title>
      <RuleListing
        place={place}
        label={say('proxy.exitRules')}
        empty={say('proxy.exitRulesNone')}
        rules={rules}
        write={changed => ({ exit: { rules: changed } })}
        isExit
        columns={[
          {
            title: say('proxy.for'),
            cell: ({ users, groups = [] }) => [...users, ...groups].join(', ') || say('proxy.forAll'),
          },
        ]}
      />
      <ExitRuleForm place={place} rules={rules} />
    </section>
  )
}

function RuleListing<R extends EntryRule | ExitRule>({
  place,
  label,
  empty,
  rules,
  write,
  columns,
  isExit,
}: {
  place: ProxyPlace
  label: string
  empty: string
  rules: readonly R[]
  write: (rules: R[]) => ProxyChange
  columns: readonly Column<R>[]
  isExit: boolean
}) {
  const { say } = useTexts()
  const rows = rules.map((rule, index) => ({ rule, index }))
  const command = (...words: string[]) =>
    formatProxyCommand(place.endpoint, 'rules', ...words, ...(isExit ? ['--exit'] : []))
  return (
    <>
      <Listing
        label={label}
        rows={rows}
        keyOf={({ rule, index }) => `${index} ${JSON.stringify(rule)}`}
        empty={empty}
        columns={[
          { title: say('proxy.rule'), cell: ({ index }) => index },
          {
            title: say('proxy.targets'),
            cell: ({ rule }) => (
              <Group gap={4}>
                {rule.targets.map(target => (
                  <Badge key={target} variant="default" tt="none">
                    {target}
                  </Badge>
                ))}
              </Group>
            ),
          },
          { title: say('proxy.ports'), cell: ({ rule }) => rule.ports },
          {
            title: say('proxy.action'),
            cell: ({ rule }) => (
              <StateBadge mood={rule.action === 'deny' ? 'ill' : 'resting'}>
                {say(`proxy.action.${rule.action}`)}
              </StateBadge>
            ),
          },
          ...columns.map(({ title, cell }) => ({
            title,
            cell: ({ rule }: { rule: R }) => cell(rule),
          })),
          {
            title: '',
            cell: ({ index }) => (
              <Group gap={4} wrap="nowrap">
                {([-1, 1] as const).map(by => {
                  const title = say(by === -1 ? 'proxy.up' : 'proxy.down')
                  const isPossible = rules[index + by] !== undefined
                  return (
                    isPossible && (
                      <ActionButton
                        key={by}
                        label={`${title} ${index}`}
                        run={() => changeProxy(place, write(moved(rules, index, by)))}
                      >
                        {by === -1 ? '↑' : '↓'}
                      </ActionButton>
                    )
                  )
                })}
                <ActionButton
                  label={`${say('action.delete')} ${index}`}
                  run={() => changeProxy(place, write(rules.filter((_, at) => at !== index)))}
                >
                  {say('action.delete')}
                </ActionButton>
              </Group>
            ),
          },
        ]}
      />
      {rules.length > 1 && (
        <EqualCommand>{`${command('move', '1', '0')}\n${command('delete', '0')}`}</EqualCommand>
      )}
    </>
  )
}

function EntryRuleForm({ place, config }: { place: ProxyPlace; config: ProxyConfig }) {
  const { say } = useTexts()
  const [targets, setTargets] = useState<string[]>([])
  const [ports, setPorts] = useState('*')
  const [action, setAction] = useState<EntryRule['action']>('exit')
  const [exits, setExits] = useState<string[]>([])
  const [clients, setClients] = useState<string[]>([])
  const endpoints = useQuery(QUERIES.endpoints(place.mesh))
  const known = endpoints.data?.endpoints ?? []
  const add = useProxyChange(place, () => setTargets([]))
  const chosen = action === 'exit' ? known.filter(({ id }) => exits.includes(id)) : []
  const rule: EntryRule = {
    targets,
    ports: ports || '*',
    clients,
    action,
    exits: chosen.map(({ id, name, user }) => ({ id, name, user })),
  }
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        add.mutate(() => ({ rules: [...config.rules, rule] }))
      }}
    >
      <Stack gap="xs" mt="xs" maw={640}>
        <RuleTargets targets={targets} onTargets={setTargets} ports={ports} onPorts={setPorts} />
        <Group grow align="start">
          <Select
            label={say('proxy.action')}
            data={(['exit', 'direct', 'deny'] as const).map(value => ({
              value,
              label: say(`proxy.action.${value}`),
            }))}
            value={action}
            onChange={value => setAction((value ?? 'exit') as EntryRule['action'])}
            allowDeselect={false}
          />
          {action === 'exit' && (
            <Stack gap={4}>
              <Missing query={endpoints} />
              <MultiSelect
                label={say('proxy.exits')}
                description={say('proxy.exitsHelp')}
                data={known.map(({ id, name }) => ({ value: id, label: name }))}
                value={exits}
                onChange={setExits}
                searchable
              />
            </Stack>
          )}
        </Group>
        {config.clients.length > 0 && (
          <MultiSelect
            label={say('proxy.clients')}
            data={config.clients}
            value={clients}
            onChange={setClients}
          />
        )}
        <EqualCommand>{formatProxyCommand(place.endpoint, ...entryRuleWords(rule))}</EqualCommand>
        {add.error !== null && <Failure error={add.error} />}
        <Group>
          <Button type="submit" disabled={targets.length === 0} loading={add.isPending}>
            {say('proxy.ruleAdd')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function ExitRuleForm({ place, rules }: { place: ProxyPlace; rules: readonly ExitRule[] }) {
  const { say } = useTexts()
  const [targets, setTargets] = useState<string[]>([])
  const [ports, setPorts] = useState('*')
  const [action, setAction] = useState<ExitRule['action']>('deny')
  const [users, setUsers] = useState<string[]>([])
  const [groups, setGroups] = useState<string[]>([])
  const allUsers = useQuery(QUERIES.users(place.mesh))
  const allGroups = useQuery(QUERIES.groups(place.mesh))
  const add = useProxyChange(place, () => setTargets([]))
  const who = { users, ...(groups.length > 0 && { groups }) }
  // Names of users and groups come from the mesh; what else was typed, the endpoint refuses.
  const rule = { targets, ports: ports || '*', ...who, action } as ExitRule
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        add.mutate(() => ({ exit: { rules: [...rules, rule] } }))
      }}
    >
      <Stack gap="xs" mt="xs" maw={640}>
        <RuleTargets targets={targets} onTargets={setTargets} ports={ports} onPorts={setPorts} />
        <Group grow align="start">
          <Select
            label={say('proxy.action')}
            data={(['allow', 'deny'] as const).map(value => ({ value, label: say(`proxy.action.${value}`) }))}
            value={action}
            onChange={value => setAction((value ?? 'deny') as ExitRule['action'])}
            allowDeselect={false}
          />
          <Missing query={allUsers} also={allGroups} />
          <MultiSelect
            label={say('users.title')}
            data={(allUsers.data?.users ?? []).map(({ name }) => name)}
            value={users}
            onChange={setUsers}
            searchable
          />
          <MultiSelect
            label={say('users.groups')}
            data={(allGroups.data?.groups ?? []).map(({ name }) => name)}
            value={groups}
            onChange={setGroups}
            searchable
          />
        </Group>
        <EqualCommand>{formatProxyCommand(place.endpoint, ...exitRuleWords(rule))}</EqualCommand>
        {add.error !== null && <Failure error={add.error} />}
        <Group>
          <Button type="submit" disabled={targets.length === 0} loading={add.isPending}>
            {say('proxy.ruleAdd')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function RuleTargets({
  targets,
  onTargets,
  ports,
  onPorts,
}: {
  targets: string[]
  onTargets: (targets: string[]) => void
  ports: string
  onPorts: (ports: string) => void
}) {
  const { say } = useTexts()
  return (
    <Group grow align="start">
      <TagsInput
        label={say('proxy.targets')}
        description={say('proxy.targetsHelp')}
        value={targets}
        onChange={onTargets}
        acceptValueOnBlur
      />
      <TextInput
        label={say('proxy.ports')}
        description={say('proxy.portsHelp')}
        value={ports}
        onChange={event => onPorts(event.currentTarget.value)}
      />
    </Group>
  )
}
