import { Button, Group, Stack, TagsInput, Text, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { APP_SETTINGS_API, type AppSettingsInfo } from '../../core/api/app-settings-api.ts'
import { APP_QUERIES, type AppPlace, settingsPrefix } from '../api/app-queries.ts'
import { call } from '../api/call.ts'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'
import { parseSetting } from './app-words.ts'

/** What an app of this endpoint reads, and who besides one's own endpoints may reach it. */
export function AppSettingsSection({ place }: { place: AppPlace }) {
  const { say } = useTexts()
  const query = useQuery(APP_QUERIES.settings(place))
  return (
    <section aria-label={say('app.settings')}>
      <Title order={2} size="h3">
        {say('app.settings')}
      </Title>
      <Loaded query={query}>
        {settings => <Form key={JSON.stringify(settings)} place={place} settings={settings} />}
      </Loaded>
    </section>
  )
}

function Form({ place, settings }: { place: AppPlace; settings: AppSettingsInfo }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const before = Object.entries(settings.values ?? {}).map(([key, value]) => `${key}=${value}`)
  const [lines, setLines] = useState(before)
  const [users, setUsers] = useState<string[]>(settings.access?.users ?? [])
  const [groups, setGroups] = useState<string[]>(settings.access?.groups ?? [])
  const wrong = lines.find(line => parseSetting(line) === undefined)
  const save = useMutation({
    mutationFn: () =>
      call(
        APP_SETTINGS_API.changeSettings,
        { body: { values: valuesOf(lines, settings), access: { users, groups } } as AppSettingsInfo },
        { prefix: settingsPrefix(place) },
      ),
    onSuccess: () => queries.invalidateQueries(),
  })
  return (
    <Stack gap="xs">
      <TagsInput
        label={say('app.setting')}
        value={lines}
        onChange={setLines}
        splitChars={[]}
        acceptValueOnBlur
      />
      {wrong !== undefined && (
        <Text size="sm" role="alert">
          {say('app.unsaved', { line: wrong })}
        </Text>
      )}
      <Group grow align="start">
        <TagsInput label={say('app.settingsUsers')} value={users} onChange={setUsers} acceptValueOnBlur />
        <TagsInput label={say('app.settingsGroups')} value={groups} onChange={setGroups} acceptValueOnBlur />
      </Group>
      {save.error !== null && <Failure error={save.error} />}
      <Group>
        <Button
          size="compact-sm"
          disabled={wrong !== undefined}
          loading={save.isPending}
          onClick={() => save.mutate()}
        >
          {say('action.save')}
        </Button>
      </Group>
    </Stack>
  )
}

/** The values of the lines, and `null` for each that was there and is not any more. */
function valuesOf(lines: readonly string[], settings: AppSettingsInfo): AppSettingsInfo['values'] {
  const gone = Object.keys(settings.values ?? {}).map(key => [key, null] as const)
  return Object.fromEntries([
    ...gone,
    ...lines.flatMap(line => [parseSetting(line) ?? []].filter(one => one.length > 0)),
  ])
}
