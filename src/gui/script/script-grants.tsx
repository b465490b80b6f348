import { Button, Group, MultiSelect, Select, Stack, Switch, TagsInput, Text, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { SCRIPT_API, type ScriptConfig, type ScriptRule } from '../../apps/script/messages.ts'
import type { EndpointInfo } from '../../core/api/shapes.ts'
import { call } from '../api/call.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded, Missing } from '../parts/loaded.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { type Draft, FIRST_DRAFT } from './script-draft.ts'
import { RightsFields, rightsOf } from './script-form.tsx'
import { addRule, removeRule, whoOf, wordsOfRule } from './script-rules.ts'

interface Place {
  readonly mesh: string
  readonly endpoint: { readonly id: string; readonly name: string }
}

/** Who may run scripts at an endpoint of one's own, and with what. */
export function ScriptGrants({ mesh, endpoints }: { mesh: string; endpoints: readonly EndpointInfo[] }) {
  const { say } = useTexts()
  const here = useQuery(QUERIES.status()).data?.meshes.find(({ name }) => name === mesh)?.endpoint
  const own = endpoints.filter(({ user }) => user === here?.user)
  const [chosen, choose] = useState<string | null>(null)
  const endpoint = own.find(({ id }) => id === chosen)
  return (
    <Stack gap="xs">
      <Title order={2} size="h3">
        {say('script.grant.title')}
      </Title>
      <Text size="sm">{say('script.grant.help')}</Text>
      <Select
        label={say('script.grant.at')}
        data={own.map(({ id, name }) => ({ value: id, label: visibleName(name) }))}
        value={chosen}
        onChange={choose}
        limit={50}
        searchable
        maw={320}
      />
      {endpoint && <Rules key={endpoint.id} place={{ mesh, endpoint }} />}
    </Stack>
  )
}

function Rules({ place }: { place: Place }) {
  const { say } = useTexts()
  const { mesh, endpoint } = place
  const query = useQuery({
    queryKey: ['script-config', mesh, endpoint.id],
    queryFn: ({ signal }) => showConfig(place, signal),
  })
  return (
    <Loaded query={query}>
      {({ isEnabled, rules, error }) => (
        <Stack>
          <EnabledSwitch place={place} isEnabled={isEnabled} />
          {error !== undefined && (
            <Text size="sm">
              {say('script.grant.notListed')} {visibleName(error)}
            </Text>
          )}
          <Listing<ScriptRule>
            label={say('script.grant.title')}
            rows={rules}
            keyOf={whoOf}
            empty={say('script.grant.none')}
            columns={[
              { title: say('script.grant.who'), cell: rule => <Name>{whoOf(rule)}</Name> },
              {
                title: say('script.grant.may'),
                cell: ({ grants }) => <Name>{rightsOf({ grants }) || say('script.mayNothing')}</Name>,
              },
              { title: say('script.memory'), cell: ({ memoryMb }) => memoryMb },
              { title: say('script.time'), cell: ({ timeoutMs }) => timeoutMs / 1_000 },
              {
                title: '',
                cell: rule => (
                  <ActionButton
                    label={`${say('script.grant.remove')} ${whoOf(rule)}`}
                    question={say('script.grant.removeAsk', { who: visibleName(whoOf(rule)) })}
                    run={() => changeRules(place, before => removeRule(before, rule))}
                  >
                    {say('script.grant.remove')}
                  </ActionButton>
                ),
              },
            ]}
          />
          <RuleForm key={rules.length} place={place} />
        </Stack>
      )}
    </Loaded>
  )
}

function EnabledSwitch({ place, isEnabled }: { place: Place; isEnabled: boolean }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  /** Shown at once; what is so, once that is known. */
  const [wish, setWish] = useState<boolean>()
  const change = useMutation({
    mutationFn: (isWanted: boolean) => changeConfig(place, { isEnabled: isWanted }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['script-config'] }),
    onSettled: () => setWish(undefined),
  })
  return (
    <>
      <Switch
        label={say('script.grant.enabled')}
        checked={wish ?? isEnabled}
        disabled={change.isPending}
        onChange={event => {
          setWish(event.currentTarget.checked)
          change.mutate(event.currentTarget.checked)
        }}
      />
      {change.error !== null && <Failure error={change.error} />}
    </>
  )
}

function RuleForm({ place }: { place: Place }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [users, setUsers] = useState<string[]>([])
  const [groups, setGroups] = useState<string[]>([])
  const [rights, setRights] = useState<Pick<Draft, 'grants' | 'timeoutS' | 'memoryMb'>>(FIRST_DRAFT)
  const allUsers = useQuery(QUERIES.users(place.mesh))
  const allGroups = useQuery(QUERIES.groups(place.mesh))
  // What was typed and is no name, the endpoint refuses.
  const rule = {
    users,
    groups,
    grants: rights.grants,
    memoryMb: rights.memoryMb,
    timeoutMs: Math.round(rights.timeoutS * 1_000),
  } as ScriptRule
  const add = useMutation({
    mutationFn: () => changeRules(place, before => addRule(before, rule)),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['script-config'] }),
  })
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        add.mutate()
      }}
    >
      <Stack maw={640} gap="xs">
        <Title order={3} size="h4">
          {say('script.grant.add')}
        </Title>
        <Missing query={allUsers} also={allGroups} />
        <TagsInput
          label={say('script.grant.users')}
          data={(allUsers.data?.users ?? []).map(({ name }) => name)}
          value={users}
          onChange={setUsers}
          acceptValueOnBlur
        />
        <MultiSelect
          label={say('script.grant.groups')}
          data={(allGroups.data?.groups ?? []).map(({ name }) => name)}
          value={groups}
          onChange={setGroups}
        />
        <RightsFields draft={rights} onChange={change => setRights(before => ({ ...before, ...change }))} />
        <EqualCommand>
          {formatCommand('ztm', 'ep', place.endpoint.name, 'script', 'config', ...wordsOfRule(rule))}
        </EqualCommand>
        {add.error !== null && <Failure error={add.error} />}
        <Group>
          <Button type="submit" loading={add.isPending} disabled={users.length + groups.length === 0}>
            {say('script.grant.allow')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function showConfig({ mesh, endpoint }: Place, signal?: AbortSignal): Promise<ScriptConfig> {
  return call(
    SCRIPT_API.showConfig,
    { params: { endpoint: endpoint.id } },
    { prefix: prefixOf(mesh), ...(signal && { signal }) },
  )
}

function changeConfig(
  { mesh, endpoint }: Place,
  body: { isEnabled?: boolean; rules?: ScriptRule[] },
): Promise<ScriptConfig> {
  return call(
    SCRIPT_API.changeConfig,
    { params: { endpoint: endpoint.id }, body },
    { prefix: prefixOf(mesh) },
  )
}

/** Of the rules as they are now, not as they were when the page was opened. */
async function changeRules(
  place: Place,
  change: (before: readonly ScriptRule[]) => ScriptRule[],
): Promise<ScriptConfig> {
  const { rules } = await showConfig(place)
  return changeConfig(place, { rules: change(rules) })
}

function prefixOf(mesh: string): string {
  return `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/script`
}
