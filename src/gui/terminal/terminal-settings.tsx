import { Button, Checkbox, Group, NumberInput, Stack, TagsInput, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import {
  DEFAULT_RECORDINGS,
  TERMINAL_API,
  type TerminalChange,
  type TerminalConfig,
} from '../../apps/terminal/messages.ts'
import { call } from '../api/call.ts'
import { QUERIES } from '../api/queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded, Missing } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'
import type { TerminalEndpoint } from './session-list.tsx'
import { accountLines, changedAccounts, wordsOfAccounts } from './terminal-accounts.ts'
import { terminalPrefix } from './terminal-prefix.ts'

/** Whom an endpoint gives terminals, for how long, and whether they are written down. */
export function TerminalSettings({ at }: { at: TerminalEndpoint }) {
  const query = useQuery({
    queryKey: ['terminal-config', at.mesh, at.id],
    queryFn: ({ signal }) =>
      call(
        TERMINAL_API.showConfig,
        { params: { endpoint: at.id } },
        { prefix: terminalPrefix(at.mesh), signal },
      ),
  })
  return <Loaded query={query}>{config => <SettingsForm at={at} config={config} />}</Loaded>
}

function SettingsForm({ at, config }: { at: TerminalEndpoint; config: TerminalConfig }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [isEnabled, setEnabled] = useState(config.isEnabled)
  const [users, setUsers] = useState<string[]>([...config.users])
  const [groups, setGroups] = useState<string[]>([...config.groups])
  const [accounts, setAccounts] = useState(() => accountLines(config.accounts))
  const [shell, setShell] = useState<string[]>([...(config.shell ?? [])])
  const [idle, setIdle] = useState<number | string>(Math.round(config.idleMs / 60_000))
  const [mayForward, setForward] = useState(config.mayForward)
  const [folder, setFolder] = useState(config.recordings)
  const allUsers = useQuery(QUERIES.users(at.mesh))
  const allGroups = useQuery(QUERIES.groups(at.mesh))
  const idleMs = Number(idle) * 60_000
  const save = useMutation({
    mutationFn() {
      // What was typed and is no name, the endpoint refuses.
      const body = {
        isEnabled,
        users,
        groups,
        accounts: changedAccounts(config.accounts, accounts),
        shell: shell.length > 0 ? shell : null,
        idleMs,
        mayForward,
        recordings: folder ?? null,
      } as TerminalChange
      return call(
        TERMINAL_API.changeConfig,
        { params: { endpoint: at.id }, body: body as never },
        { prefix: terminalPrefix(at.mesh) },
      )
    },
    onSuccess: () => queries.invalidateQueries(),
  })
  const words = [
    ...['--users', ...(users.length > 0 ? users : ['none'])],
    ...['--groups', ...(groups.length > 0 ? groups : ['none'])],
    ...wordsOfAccounts(config.accounts, accounts),
    ...['--shell', ...(shell.length > 0 ? shell : ['login'])],
    ...['--idle', idleMs > 0 ? `${idle}m` : 'never'],
    ...['--forward', mayForward ? 'on' : 'off'],
    ...['--record', folder ?? 'off'],
    isEnabled ? '--enable' : '--no-enable',
  ]
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        save.mutate()
      }}
    >
      <Stack maw={640}>
        <Checkbox
          label={say('terminal.config.enabled')}
          checked={isEnabled}
          onChange={event => setEnabled(event.currentTarget.checked)}
        />
        <Missing query={allUsers} also={allGroups} />
        <TagsInput
          label={say('terminal.config.users')}
          data={(allUsers.data?.users ?? []).map(({ name }) => name)}
          value={users}
          onChange={setUsers}
          acceptValueOnBlur
        />
        <TagsInput
          label={say('terminal.config.groups')}
          data={(allGroups.data?.groups ?? []).map(({ name }) => name)}
          value={groups}
          onChange={setGroups}
          acceptValueOnBlur
        />
        <ProgramFields {...{ accounts, setAccounts, shell, setShell }} />
        <NumberInput
          label={say('terminal.config.idle')}
          value={idle}
          onChange={setIdle}
          min={0}
          max={43_200}
          allowDecimal={false}
        />
        <Checkbox
          label={say('terminal.config.forward')}
          checked={mayForward}
          onChange={event => setForward(event.currentTarget.checked)}
        />
        <RecordingFolder folder={folder} onFolder={setFolder} />
        <EqualCommand>{formatCommand('ztm', 'ep', at.name, 'terminal', 'config', ...words)}</EqualCommand>
        {save.error !== null && <Failure error={save.error} />}
        <Group>
          <Button type="submit" loading={save.isPending}>
            {say('action.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function ProgramFields({
  accounts,
  setAccounts,
  shell,
  setShell,
}: {
  accounts: string[]
  setAccounts: (lines: string[]) => void
  shell: string[]
  setShell: (words: string[]) => void
}) {
  const { say } = useTexts()
  return (
    <>
      <TagsInput
        label={say('terminal.config.accounts')}
        description={say('terminal.config.accountsHelp')}
        placeholder="bob=www-data"
        value={accounts}
        onChange={setAccounts}
        splitChars={[]}
        acceptValueOnBlur
      />
      <TagsInput
        label={say('terminal.config.shell')}
        description={say('terminal.config.shellHelp')}
        placeholder="/bin/bash"
        value={shell}
        onChange={setShell}
        splitChars={[]}
        allowDuplicates
        acceptValueOnBlur
      />
    </>
  )
}

function RecordingFolder({
  folder,
  onFolder,
}: {
  folder: string | undefined
  onFolder: (folder: string | undefined) => void
}) {
  const { say } = useTexts()
  return (
    <>
      <Checkbox
        label={say('terminal.config.record')}
        checked={folder !== undefined}
        onChange={event => onFolder(event.currentTarget.checked ? DEFAULT_RECORDINGS : undefined)}
      />
      {folder !== undefined && (
        <TextInput
          label={say('terminal.config.folder')}
          value={folder}
          onChange={event => onFolder(event.currentTarget.value)}
          required
        />
      )}
    </>
  )
}
