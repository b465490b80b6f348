import { Button, Group, MultiSelect, Stack, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { call } from '../api/call.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded, Unanswered } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'

/** The groups of a mesh: who is in them, new ones, and their end. */
export function GroupsSection({ mesh }: { mesh: string }) {
  const { say } = useTexts()
  const groups = useQuery(QUERIES.groups(mesh))
  const users = useQuery(QUERIES.users(mesh))
  const names = users.data?.users.map(({ name }) => name) ?? []
  return (
    <Stack>
      <Unanswered query={users} />
      <NewGroup mesh={mesh} users={names} />
      <Loaded query={groups}>
        {({ groups: all }) => (
          <Listing
            label={say('users.groups')}
            rows={all}
            keyOf={({ name }) => name}
            empty={say('group.none')}
            columns={[
              { title: say('group.name'), cell: ({ name }) => <Name>{name}</Name> },
              {
                title: say('group.members'),
                cell: group => <Members mesh={mesh} group={group.name} members={group.users} users={names} />,
              },
              {
                title: '',
                cell: ({ name }) => (
                  <ActionButton
                    label={`${say('action.delete')} ${name}`}
                    question={say('group.deleteAsk', { name })}
                    run={() => call(AGENT_API.deleteGroup, { params: { mesh, group: name } })}
                  >
                    {say('action.delete')}
                  </ActionButton>
                ),
              },
            ]}
          />
        )}
      </Loaded>
    </Stack>
  )
}

/** Who is in a group; each change is made at once. */
function Members({
  mesh,
  group,
  members,
  users,
}: {
  mesh: string
  group: string
  members: readonly string[]
  users: readonly string[]
}) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const change = useMutation({
    mutationFn: (wanted: readonly string[]) =>
      call(AGENT_API.updateGroup, {
        params: { mesh, group },
        body: {
          addUsers: wanted.filter(user => !members.includes(user)),
          removeUsers: members.filter(user => !wanted.includes(user)),
        },
      }),
    onSettled: () => queries.invalidateQueries(),
  })
  return (
    <>
      <MultiSelect
        aria-label={say('group.membersOf', { name: group })}
        data={[...new Set([...users, ...members])]}
        value={[...(change.isPending ? change.variables : members)]}
        onChange={wanted => change.mutate(wanted)}
        searchable
      />
      {change.error !== null && <Failure error={change.error} />}
    </>
  )
}

function NewGroup({ mesh, users }: { mesh: string; users: readonly string[] }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [members, setMembers] = useState<string[]>([])
  const make = useMutation({
    mutationFn: () => call(AGENT_API.createGroup, { params: { mesh }, body: { name, users: members } }),
    async onSuccess() {
      setName('')
      setMembers([])
      await queries.invalidateQueries()
    },
  })
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        make.mutate()
      }}
    >
      <Group align="end">
        <TextInput
          label={say('group.new')}
          value={name}
          onChange={event => setName(event.currentTarget.value)}
          required
        />
        <MultiSelect
          label={say('group.members')}
          data={[...users]}
          value={members}
          onChange={setMembers}
          searchable
          miw={220}
        />
        <Button type="submit" loading={make.isPending}>
          {say('group.make')}
        </Button>
      </Group>
      {make.error !== null && <Failure error={make.error} />}
    </form>
  )
}
