import { Button, Code, Group, Modal, Stack, Switch, TagsInput, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { Arguments } from '../../core/api/route.ts'
import { APP_QUERIES, type AppsPlace } from '../api/app-queries.ts'
import { call } from '../api/call.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'

type Body = Arguments<typeof AGENT_API.publishApp>['body']

/** Publishes the app in a folder of an endpoint. */
export function PublishDialog({
  isOpen,
  place,
  prefix,
  onClose,
}: {
  isOpen: boolean
  place: AppsPlace
  prefix: readonly string[]
  onClose: () => void
}) {
  const { say } = useTexts()
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      size="lg"
      title={say('publish.title')}
      closeButtonProps={{ 'aria-label': say('action.close') }}
    >
      <PublishForm place={place} prefix={prefix} />
    </Modal>
  )
}

function PublishForm({ place, prefix }: { place: AppsPlace; prefix: readonly string[] }) {
  const { say } = useTexts()
  const [folder, setFolder] = useState('')
  const [channel, setChannel] = useState('stable')
  const [isForAll, setForAll] = useState(true)
  const [users, setUsers] = useState<string[]>([])
  const [groups, setGroups] = useState<string[]>([])
  const [isNewKey, setNewKey] = useState(false)
  const publish = usePublish(place)
  const readers = isForAll ? { users: ['*'], groups: [] } : { users, groups }
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        publish.mutate({ folder, channel, ...readers, isNewKey } as Body)
      }}
    >
      <Stack>
        <Text size="sm">{say('publish.help')}</Text>
        <PublicKey isLocal={prefix.length === 0} />
        <Group grow align="start">
          <TextInput
            label={say('publish.folder')}
            value={folder}
            onChange={event => setFolder(event.currentTarget.value)}
            required
          />
          <TextInput
            label={say('app.channel')}
            value={channel}
            onChange={event => setChannel(event.currentTarget.value)}
            required
          />
        </Group>
        <Switch
          label={say('publish.allMay')}
          checked={isForAll}
          onChange={event => setForAll(event.currentTarget.checked)}
        />
        {!isForAll && (
          <Group grow align="start">
            <TagsInput label={say('publish.users')} value={users} onChange={setUsers} acceptValueOnBlur />
            <TagsInput label={say('publish.groups')} value={groups} onChange={setGroups} acceptValueOnBlur />
          </Group>
        )}
        <Switch
          label={say('publish.isNewKey')}
          checked={isNewKey}
          onChange={event => setNewKey(event.currentTarget.checked)}
        />
        <EqualCommand>
          {formatCommand(
            ...['ztm', ...prefix, 'publish', 'app', folder || 'FOLDER'],
            ...(channel === 'stable' ? [] : ['--channel', channel]),
            ...(isForAll || users.length === 0 ? [] : ['--users', ...users]),
            ...(isForAll || groups.length === 0 ? [] : ['--groups', ...groups]),
            ...(isNewKey ? ['--new-key'] : []),
          )}
        </EqualCommand>
        {publish.error !== null && <Failure error={publish.error} />}
        {publish.data && <Text role="status">{say('publish.done', { ...publish.data })}</Text>}
        <Button type="submit" loading={publish.isPending}>
          {say('publish.button')}
        </Button>
      </Stack>
    </form>
  )
}

function PublicKey({ isLocal }: { isLocal: boolean }) {
  const { say } = useTexts()
  const { data } = useQuery({ ...APP_QUERIES.publisher(), enabled: isLocal })
  if (!isLocal || data === undefined) return null
  return (
    <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
      {say('app.key')}:{' '}
      {data.publicKey === undefined ? say('publish.keyNone') : <Code>{data.publicKey}</Code>}
    </Text>
  )
}

function usePublish({ mesh, endpoint }: AppsPlace) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async (body: Body) => {
      const { provider, name, version, channel } = await call(AGENT_API.publishApp, {
        params: { mesh, endpoint } as Arguments<typeof AGENT_API.publishApp>['params'],
        body,
      })
      return { name: `${provider}/${name}`, version, channel }
    },
    onSuccess: () => queries.invalidateQueries(),
  })
}
