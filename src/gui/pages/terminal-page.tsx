import { Button, Group, Select, Stack, Tabs, TextInput, Title } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { MeshError } from '../../core/model/errors.ts'
import { readShareLink } from '../../core/model/share-link.ts'
import { QUERIES } from '../api/queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { HistoryList, RecordingList } from '../terminal/recording-list.tsx'
import { SessionList, type TerminalEndpoint } from '../terminal/session-list.tsx'
import { TerminalSettings } from '../terminal/terminal-settings.tsx'
import { type TerminalPlace, TerminalView } from '../terminal/terminal-view.tsx'
import { useTexts } from '../texts/texts.ts'

type Tab = { readonly id: string; readonly title: string; readonly place: TerminalPlace }

/** Terminals at endpoints, in tabs; the sessions, recordings, history and settings of an endpoint. */
export function TerminalPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const endpoints = useQuery(QUERIES.endpoints(mesh))
  const [chosen, setChosen] = useState<string | null>(null)
  const [tabs, setTabs] = useState<readonly Tab[]>([])
  const [shown, setShown] = useState<string | null>(null)
  const nameOf = (wanted: string) => endpoints.data?.endpoints.find(({ id }) => id === wanted)?.name ?? wanted
  const open = (place: TerminalPlace) => {
    const id = crypto.randomUUID()
    setTabs([...tabs, { id, title: nameOf(place.endpoint), place }])
    setShown(id)
  }
  const close = (id: string) => {
    const left = tabs.filter(tab => tab.id !== id)
    setTabs(left)
    if (shown === id) setShown(left.at(-1)?.id ?? null)
  }
  const at = chosen === null ? undefined : { mesh, id: chosen, name: nameOf(chosen) }
  return (
    <Stack>
      <Title order={1}>{say('terminal.title')}</Title>
      <Loaded query={endpoints}>
        {({ endpoints: all }) => (
          <Group align="end">
            <Select
              label={say('tunnel.endpoint')}
              data={all.filter(one => one.isOnline).map(one => ({ value: one.id, label: one.name }))}
              value={chosen}
              onChange={setChosen}
              searchable
            />
            <Button
              disabled={chosen === null}
              onClick={() => chosen !== null && open({ mesh, endpoint: chosen })}
            >
              {say('terminal.open')}
            </Button>
          </Group>
        )}
      </Loaded>
      {at === undefined ? (
        <ByLink onOpen={link => open({ mesh, ...link })} />
      ) : (
        <EndpointTabs
          key={at.id}
          at={at}
          onAttach={(session, isReadOnly) => open({ mesh, endpoint: at.id, session, isReadOnly })}
        />
      )}
      {tabs.length > 0 && (
        <Tabs value={shown} onChange={setShown}>
          <Tabs.List aria-label={say('terminal.title')}>
            {tabs.map(tab => (
              <Tabs.Tab key={tab.id} value={tab.id}>
                <Name>{tab.title}</Name>
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {tabs.map(tab => (
            <Tabs.Panel key={tab.id} value={tab.id} pt="xs">
              <TerminalView place={tab.place} onOver={() => close(tab.id)} />
              <Button mt="xs" size="compact-xs" variant="default" onClick={() => close(tab.id)}>
                {say('terminal.leave')}
              </Button>
            </Tabs.Panel>
          ))}
        </Tabs>
      )}
    </Stack>
  )
}

function EndpointTabs({
  at,
  onAttach,
}: {
  at: TerminalEndpoint
  onAttach: (session: string, isReadOnly: boolean) => void
}) {
  const { say } = useTexts()
  return (
    <>
      <EqualCommand>{formatCommand('ztm', 'terminal', 'open', at.name)}</EqualCommand>
      <Tabs defaultValue="sessions" keepMounted={false}>
        <Tabs.List mb="xs">
          <Tabs.Tab value="sessions">{say('terminal.sessions')}</Tabs.Tab>
          <Tabs.Tab value="recordings">{say('terminal.recordings')}</Tabs.Tab>
          <Tabs.Tab value="history">{say('terminal.history')}</Tabs.Tab>
          <Tabs.Tab value="settings">{say('terminal.settings')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="sessions">
          <SessionList at={at} onAttach={onAttach} />
        </Tabs.Panel>
        <Tabs.Panel value="recordings">
          <RecordingList at={at} />
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <HistoryList at={at} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <TerminalSettings at={at} />
        </Tabs.Panel>
      </Tabs>
    </>
  )
}

/** Look at a session by a link that somebody gave. */
function ByLink({
  onOpen,
}: {
  onOpen: (place: Pick<TerminalPlace, 'endpoint' | 'session' | 'key'>) => void
}) {
  const { say } = useTexts()
  const [typed, setTyped] = useState('')
  const attach = useMutation({
    async mutationFn() {
      const link = readShareLink(typed.trim())
      if (link === undefined)
        throw new MeshError('bad-usage', 'Cannot attach: a link begins with ztm://terminal/')
      onOpen(link)
      setTyped('')
    },
  })
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        attach.mutate()
      }}
    >
      <Group align="end">
        <TextInput
          label={say('terminal.byLink')}
          value={typed}
          onChange={event => setTyped(event.currentTarget.value)}
          autoComplete="off"
          miw={280}
          required
        />
        <Button loading={attach.isPending} type="submit" variant="default">
          {say('terminal.attach')}
        </Button>
      </Group>
      {attach.error !== null && <Failure error={attach.error} />}
    </form>
  )
}
