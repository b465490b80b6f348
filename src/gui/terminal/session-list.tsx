import { Button, Checkbox, Group, Modal, NumberInput, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { SessionInfo } from '../../apps/terminal/messages.ts'
import type { UserName } from '../../core/model/names.ts'
import { formatShareLink } from '../../core/model/share-link.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatWhen } from '../parts/amounts.ts'
import { formatCommand } from '../parts/command-words.ts'
import { Copy, EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded, Missing } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import { askTerminal, listSessions } from './terminal-ask.ts'

/** An endpoint whose terminals are looked at. */
export interface TerminalEndpoint {
  readonly mesh: string
  readonly id: string
  readonly name: string
}

/** The sessions of an endpoint: attach to one, look on, share it, end it. */
export function SessionList({
  at,
  onAttach,
}: {
  at: TerminalEndpoint
  onAttach: (session: string, isReadOnly: boolean) => void
}) {
  const { say, language } = useTexts()
  const now = useNow(10_000)
  const [shared, setShared] = useState<string>()
  const query = useQuery({
    queryKey: ['sessions', at.mesh, at.id],
    queryFn: () => listSessions(at.mesh, at.id),
    refetchInterval: 5_000,
  })
  const button = (text: string, id: string, onClick: () => void) => (
    <Button size="compact-xs" variant="default" aria-label={`${text} ${id}`} onClick={onClick}>
      {text}
    </Button>
  )
  return (
    <>
      <Loaded query={query}>
        {sessions => (
          <Listing<SessionInfo>
            label={say('terminal.sessions')}
            rows={sessions}
            keyOf={({ id }) => id}
            empty={say('terminal.none')}
            columns={[
              { title: say('terminal.session'), cell: ({ id }) => id },
              { title: say('endpoint.user'), cell: ({ user }) => <Name>{user}</Name> },
              { title: say('terminal.command'), cell: ({ command }) => <Name>{command ?? '–'}</Name> },
              {
                title: say('terminal.started'),
                cell: ({ startedAtMs }) => formatWhen(startedAtMs, now, language),
              },
              { title: say('terminal.viewers'), cell: ({ viewers }) => <Viewers viewers={viewers} /> },
              {
                title: '',
                cell: ({ id }) => (
                  <Group gap={4} wrap="nowrap">
                    {button(say('terminal.attach'), id, () => onAttach(id, false))}
                    {button(say('terminal.watch'), id, () => onAttach(id, true))}
                    {button(say('terminal.share'), id, () => setShared(id))}
                    <ActionButton
                      label={`${say('terminal.close')} ${id}`}
                      question={say('terminal.closeAsk', { id })}
                      run={() => askTerminal(at.mesh, at.id, { kind: 'close', session: id })}
                    >
                      {say('terminal.close')}
                    </ActionButton>
                  </Group>
                ),
              },
            ]}
          />
        )}
      </Loaded>
      <Modal
        opened={shared !== undefined}
        onClose={() => setShared(undefined)}
        title={say('terminal.shareTitle', { id: shared ?? '' })}
        closeButtonProps={{ 'aria-label': say('action.close') }}
      >
        {shared !== undefined && <Share at={at} session={shared} />}
      </Modal>
    </>
  )
}

function Viewers({ viewers }: Pick<SessionInfo, 'viewers'>) {
  const { say } = useTexts()
  return viewers.map(({ user, endpoint, isReadOnly }, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: one endpoint may look twice, and has no other name
    <div key={`${endpoint} ${index}`}>
      <Name>{isReadOnly ? say('terminal.watching', { name: user }) : user}</Name>
    </div>
  ))
}

function Share({ at, session }: { at: TerminalEndpoint; session: string }) {
  const { say } = useTexts()
  const [users, setUsers] = useState<string[]>([])
  const [mayType, setMayType] = useState(false)
  const [hours, setHours] = useState<number | string>(1)
  const known = useQuery(QUERIES.users(at.mesh))
  const share = useMutation({
    mutationFn: () =>
      askTerminal(at.mesh, at.id, {
        kind: 'share',
        session,
        mayType,
        forMs: Number(hours) * 3_600_000,
        ...(users.length > 0 && { users: users as UserName[] }),
      }),
  })
  const end = useMutation({ mutationFn: () => askTerminal(at.mesh, at.id, { kind: 'unshare', session }) })
  const words = [
    ...users.flatMap(user => ['--user', user]),
    ...(mayType ? ['--write'] : []),
    ...['--for', `${hours || 1}h`],
  ]
  const key = share.data?.key
  const error = share.error ?? end.error
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        share.mutate()
      }}
    >
      <Stack>
        <Missing query={known} />
        <TagsInput
          label={say('terminal.shareUsers')}
          description={say('terminal.shareHelp')}
          data={(known.data?.users ?? []).map(({ name }) => name)}
          value={users}
          onChange={setUsers}
          acceptValueOnBlur
        />
        <Checkbox
          label={say('terminal.mayType')}
          checked={mayType}
          onChange={event => setMayType(event.currentTarget.checked)}
        />
        <NumberInput
          label={say('terminal.hours')}
          value={hours}
          onChange={setHours}
          min={1}
          max={168}
          allowDecimal={false}
        />
        <EqualCommand>{formatCommand('ztm', 'terminal', 'share', at.name, session, ...words)}</EqualCommand>
        {error !== null && <Failure error={error} />}
        {share.isSuccess && <Text role="status">{say('terminal.shared')}</Text>}
        {key !== undefined && (
          <>
            <TextInput
              label={say('terminal.shareLink')}
              value={formatShareLink({ endpoint: at.id, session, key })}
              readOnly
            />
            <Copy text={formatShareLink({ endpoint: at.id, session, key })} />
          </>
        )}
        <Group>
          <Button type="submit" loading={share.isPending}>
            {say('terminal.share')}
          </Button>
          <Button variant="default" loading={end.isPending} onClick={() => end.mutate()}>
            {say('terminal.unshare')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
