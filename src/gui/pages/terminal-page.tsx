import { Button, Group, Select, Stack, Tabs, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import type { SessionInfo } from '../../apps/terminal/messages.ts'
import { QUERIES } from '../api/queries.ts'
import { formatWhen } from '../parts/amounts.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { useNow } from '../parts/use-now.ts'
import { listSessions } from '../terminal/terminal-line.ts'
import { type TerminalPlace, TerminalView } from '../terminal/terminal-view.tsx'
import { useTexts } from '../texts/texts.ts'

type Tab = { readonly id: string; readonly title: string; readonly place: TerminalPlace }

/** Terminals at endpoints, in tabs; and the sessions that an endpoint has, to attach to. */
export function TerminalPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const endpoints = useQuery(QUERIES.endpoints(mesh))
  const [endpoint, setEndpoint] = useState<string | null>(null)
  const [tabs, setTabs] = useState<readonly Tab[]>([])
  const [shown, setShown] = useState<string | null>(null)
  const name = endpoints.data?.endpoints.find(({ id }) => id === endpoint)?.name ?? ''
  const open = (session?: string) => {
    if (endpoint === null) return
    const id = crypto.randomUUID()
    setTabs([...tabs, { id, title: name, place: { mesh, endpoint, session } }])
    setShown(id)
  }
  const close = (id: string) => {
    setTabs(tabs.filter(tab => tab.id !== id))
    setShown(tabs.find(tab => tab.id !== id)?.id ?? null)
  }
  return (
    <Stack>
      <Title order={1}>{say('terminal.title')}</Title>
      <Loaded query={endpoints}>
        {({ endpoints: all }) => (
          <Group align="end">
            <Select
              label={say('tunnel.endpoint')}
              data={all.filter(one => one.isOnline).map(one => ({ value: one.id, label: one.name }))}
              value={endpoint}
              onChange={setEndpoint}
              searchable
            />
            <Button disabled={endpoint === null} onClick={() => open()}>
              {say('terminal.open')}
            </Button>
          </Group>
        )}
      </Loaded>
      {endpoint !== null && <Sessions mesh={mesh} endpoint={endpoint} onAttach={open} />}
      {endpoint !== null && <EqualCommand>{formatCommand('ztm', 'terminal', 'open', name)}</EqualCommand>}
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

function Sessions({
  mesh,
  endpoint,
  onAttach,
}: {
  mesh: string
  endpoint: string
  onAttach: (session: string) => void
}) {
  const { say, language } = useTexts()
  const now = useNow(10_000)
  const query = useQuery({
    queryKey: ['sessions', mesh, endpoint],
    queryFn: () => listSessions(mesh, endpoint),
    refetchInterval: 5_000,
  })
  return (
    <Loaded query={query}>
      {sessions =>
        sessions.length === 0 ? (
          <Text size="sm">{say('terminal.none')}</Text>
        ) : (
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
              {
                title: '',
                cell: ({ id }) => (
                  <Button
                    size="compact-xs"
                    variant="default"
                    aria-label={`${say('terminal.attach')} ${id}`}
                    onClick={() => onAttach(id)}
                  >
                    {say('terminal.attach')}
                  </Button>
                ),
              },
            ]}
          />
        )
      }
    </Loaded>
  )
}
