import { Button, Checkbox, Group, Stack, TagsInput, Text, TextInput, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { SYNC_API } from '../../apps/sync/messages.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import { call } from '../api/call.ts'
import { appPrefix, FILES_QUERIES } from '../api/files-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded, Missing } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'

/** The folders of this computer that others may use: to copy from and to, to look into, to mirror. */
export function GrantsSection({ mesh, here }: { mesh: string; here: MeshInfo['endpoint'] }) {
  const { say } = useTexts()
  const grants = useQuery(FILES_QUERIES.grants(mesh, here.id))
  return (
    <section>
      <Title order={2} size="h3" mb="xs">
        {say('grant.title')}
      </Title>
      <Loaded query={grants}>
        {({ grants: all, error }) => (
          <Stack>
            {error !== undefined && <Text c="red">{error}</Text>}
            <Listing
              label={say('grant.title')}
              rows={all}
              keyOf={({ folder }) => folder}
              empty={say('grant.none')}
              columns={[
                { title: say('grant.folder'), cell: ({ folder }) => <Name>{folder}</Name> },
                {
                  title: say('grant.may'),
                  cell: ({ mayWrite }) => say(mayWrite ? 'grant.write' : 'grant.read'),
                },
                {
                  title: say('files.who'),
                  cell: ({ users, groups }) => [...users, ...groups.map(group => `@${group}`)].join(', '),
                },
                {
                  title: '',
                  cell: ({ folder }) => (
                    <ActionButton
                      label={`${say('grant.remove')} ${folder}`}
                      question={say('grant.removeAsk', { folder })}
                      run={() =>
                        call(
                          SYNC_API.deleteGrant,
                          { params: { endpoint: here.id }, body: { folder } },
                          { prefix: appPrefix(mesh, 'sync') },
                        )
                      }
                    >
                      {say('grant.remove')}
                    </ActionButton>
                  ),
                },
              ]}
            />
            <GrantForm mesh={mesh} here={here} />
          </Stack>
        )}
      </Loaded>
    </section>
  )
}

function GrantForm({ mesh, here }: { mesh: string; here: MeshInfo['endpoint'] }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const allUsers = useQuery(QUERIES.users(mesh))
  const allGroups = useQuery(QUERIES.groups(mesh))
  const [folder, setFolder] = useState('')
  const [users, setUsers] = useState<string[]>([])
  const [groups, setGroups] = useState<string[]>([])
  const [mayWrite, setWrite] = useState(false)
  const grant = useMutation({
    mutationFn: () =>
      call(
        SYNC_API.putGrant,
        { params: { endpoint: here.id }, body: { folder, users, groups, mayWrite } as never },
        { prefix: appPrefix(mesh, 'sync') },
      ),
    async onSuccess() {
      setFolder('')
      await queries.invalidateQueries({ queryKey: ['files', mesh, 'grants'] })
    },
  })
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        grant.mutate()
      }}
    >
      <Stack gap="xs">
        <Missing query={allUsers} also={allGroups} />
        <Group grow align="start">
          <TextInput
            label={say('grant.folder')}
            value={folder}
            onChange={event => setFolder(event.currentTarget.value)}
            required
          />
          <TagsInput
            label={say('files.users')}
            data={allUsers.data?.users.map(({ name }) => name) ?? []}
            value={users}
            onChange={setUsers}
          />
          <TagsInput
            label={say('files.groups')}
            data={allGroups.data?.groups.map(({ name }) => name) ?? []}
            value={groups}
            onChange={setGroups}
          />
        </Group>
        <Checkbox
          label={say('grant.mayWrite')}
          checked={mayWrite}
          onChange={event => setWrite(event.currentTarget.checked)}
        />
        <EqualCommand>
          {formatCommand(
            ...['ztm', 'file', 'grant', folder || 'FOLDER'],
            ...(users.length > 0 ? ['--user', ...users] : []),
            ...(groups.length > 0 ? ['--group', ...groups] : []),
            ...(mayWrite ? ['--write'] : []),
          )}
        </EqualCommand>
        {grant.error !== null && <Failure error={grant.error} />}
        <Group>
          <Button type="submit" loading={grant.isPending}>
            {say('grant.give')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
