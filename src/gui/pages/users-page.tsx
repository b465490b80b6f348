import { Button, Group, Modal, Stack, Tabs, Text, TextInput, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { call } from '../api/call.ts'
import { UserTable } from '../network/user-table.tsx'
import { formatCommand } from '../parts/command-words.ts'
import { Copy, EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { QrCode } from '../parts/qr-code.tsx'
import { useTexts } from '../texts/texts.ts'
import { EvictionsSection } from './evictions-section.tsx'
import { GroupsSection } from './groups-section.tsx'
import { InvitationsSection } from './invitations-section.tsx'

/** The users of a mesh, and how to invite one more. */
export function UsersPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const [isInviting, { open, close }] = useDisclosure()
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1}>{say('users.title')}</Title>
        <Button onClick={open}>{say('invite.button')}</Button>
      </Group>
      <Modal
        opened={isInviting}
        onClose={close}
        title={say('invite.title')}
        closeButtonProps={{ 'aria-label': say('action.close') }}
      >
        <Invite mesh={mesh} />
      </Modal>
      <Tabs defaultValue="users" keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="users">{say('users.title')}</Tabs.Tab>
          <Tabs.Tab value="groups">{say('users.groups')}</Tabs.Tab>
          <Tabs.Tab value="invitations">{say('users.invitations')}</Tabs.Tab>
          <Tabs.Tab value="evictions">{say('users.evictions')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="users">
          <UserTable mesh={mesh} />
        </Tabs.Panel>
        <Tabs.Panel value="groups">
          <GroupsSection mesh={mesh} />
        </Tabs.Panel>
        <Tabs.Panel value="invitations">
          <InvitationsSection mesh={mesh} />
        </Tabs.Panel>
        <Tabs.Panel value="evictions">
          <EvictionsSection mesh={mesh} />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  )
}

function Invite({ mesh }: { mesh: string }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [user, setUser] = useState('')
  const invite = useMutation({
    mutationFn: () => call(AGENT_API.invite, { params: { mesh, user }, body: {} }),
    onSuccess: () => queries.invalidateQueries(),
  })
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        invite.mutate()
      }}
    >
      <Stack>
        <TextInput
          data-autofocus
          label={say('invite.user')}
          value={user}
          onChange={event => setUser(event.currentTarget.value)}
          required
        />
        <Text size="sm">{say('invite.help')}</Text>
        <EqualCommand>{formatCommand('ztm', 'invite', user || 'USER')}</EqualCommand>
        {invite.error !== null && <Failure error={invite.error} />}
        {invite.data === undefined ? (
          <Button type="submit" loading={invite.isPending}>
            {say('invite.button')}
          </Button>
        ) : (
          <>
            <TextInput label={say('invite.link')} value={invite.data.link} readOnly />
            <Copy text={invite.data.link} />
            <QrCode text={invite.data.link} label={say('invite.qr')} />
          </>
        )}
      </Stack>
    </form>
  )
}
