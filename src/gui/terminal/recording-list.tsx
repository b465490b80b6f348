import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type HistoryEntry, type RecordingInfo, TERMINAL_API } from '../../apps/terminal/messages.ts'
import { readAsciicast } from '../../core/codec/read-asciicast.ts'
import { call } from '../api/call.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatBytes, formatWhen } from '../parts/amounts.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import { formatPlayTime } from './play-time.ts'
import { RecordingPlayer } from './recording-player.tsx'
import type { TerminalEndpoint } from './session-list.tsx'
import { readTerminal } from './terminal-ask.ts'
import { terminalPrefix } from './terminal-prefix.ts'

/** What was written down at an endpoint: play it, save it, erase it. */
export function RecordingList({ at }: { at: TerminalEndpoint }) {
  const { say, language } = useTexts()
  const now = useNow(10_000)
  const [played, setPlayed] = useState<RecordingInfo>()
  const query = useQuery({
    queryKey: ['recordings', at.mesh, at.id],
    queryFn: ({ signal }) =>
      call(
        TERMINAL_API.listRecordings,
        { params: { endpoint: at.id } },
        { prefix: terminalPrefix(at.mesh), signal },
      ),
    refetchInterval: 5_000,
  })
  return (
    <>
      <Loaded query={query}>
        {({ recordings }) => (
          <Listing<RecordingInfo>
            label={say('terminal.recordings')}
            rows={recordings}
            keyOf={({ session }) => session}
            empty={say('terminal.recordingsNone')}
            columns={[
              { title: say('terminal.session'), cell: ({ session }) => session },
              { title: say('terminal.of'), cell: ({ title }) => <Name>{title}</Name> },
              {
                title: say('terminal.started'),
                cell: ({ startedAtMs }) => formatWhen(startedAtMs, now, language),
              },
              {
                title: say('terminal.size'),
                cell: ({ sizeBytes, isOpen }) =>
                  `${formatBytes(sizeBytes, language)}${isOpen ? ` (${say('terminal.running')})` : ''}`,
              },
              {
                title: '',
                cell: recording => <RecordingActions at={at} recording={recording} onPlay={setPlayed} />,
              },
            ]}
          />
        )}
      </Loaded>
      <Modal
        opened={played !== undefined}
        onClose={() => setPlayed(undefined)}
        title={played && <Name>{played.title}</Name>}
        size="xl"
        closeButtonProps={{ 'aria-label': say('action.close') }}
      >
        {played !== undefined && <Playing at={at} recording={played} />}
      </Modal>
    </>
  )
}

function RecordingActions({
  at,
  recording,
  onPlay,
}: {
  at: TerminalEndpoint
  recording: RecordingInfo
  onPlay: (recording: RecordingInfo) => void
}) {
  const { say } = useTexts()
  return (
    <Group gap={4} wrap="nowrap">
      <Button
        size="compact-xs"
        variant="default"
        aria-label={`${say('terminal.play')} ${recording.session}`}
        onClick={() => onPlay(recording)}
      >
        {say('terminal.play')}
      </Button>
      {!recording.isOpen && (
        <ActionButton
          label={`${say('terminal.erase')} ${recording.session}`}
          question={say('terminal.eraseAsk', { title: recording.title })}
          run={() =>
            call(
              TERMINAL_API.eraseRecording,
              { params: { endpoint: at.id, session: recording.session } },
              { prefix: terminalPrefix(at.mesh) },
            )
          }
        >
          {say('terminal.erase')}
        </ActionButton>
      )}
    </Group>
  )
}

/** Fetch a recording, then play it. It is kept while it is shown, and no longer. */
function Playing({
  at,
  recording: { session, title, isOpen },
}: {
  at: TerminalEndpoint
  recording: RecordingInfo
}) {
  const { say, language } = useTexts()
  const [byteCount, setByteCount] = useState(0)
  const query = useQuery({
    queryKey: ['recording', at.mesh, at.id, session],
    async queryFn() {
      const text = await readTerminal(at.mesh, at.id, { kind: 'recording', session }, setByteCount)
      return { text, recording: readAsciicast(text, title, isOpen) }
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  })
  const save = useMutation({ mutationFn: async (text: string) => saveFile(`${session}.cast`, text) })
  if (query.data === undefined && query.error === null) {
    return <Text role="status">{say('terminal.fetching', { bytes: formatBytes(byteCount, language) })}</Text>
  }
  if (query.data === undefined) return <Failure error={query.error} onRetry={() => void query.refetch()} />
  const { text, recording } = query.data
  const file = `${session}.cast`
  return (
    <Stack>
      <RecordingPlayer recording={recording} />
      <Group>
        <Button size="xs" variant="default" loading={save.isPending} onClick={() => save.mutate(text)}>
          {say('terminal.download')}
        </Button>
      </Group>
      {save.error !== null && <Failure error={save.error} />}
      <EqualCommand>
        {`${formatCommand('ztm', 'terminal', 'fetch', at.name, session, file)}\n${formatCommand('ztm', 'terminal', 'play', file)}`}
      </EqualCommand>
    </Stack>
  )
}

function saveFile(name: string, text: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/x-asciicast' }))
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

/** Who opened which terminal at an endpoint, for how long, and how it ended. */
export function HistoryList({ at }: { at: TerminalEndpoint }) {
  const { say, language } = useTexts()
  const now = useNow(10_000)
  const query = useQuery({
    queryKey: ['history', at.mesh, at.id],
    queryFn: ({ signal }) =>
      call(
        TERMINAL_API.listHistory,
        { params: { endpoint: at.id } },
        { prefix: terminalPrefix(at.mesh), signal },
      ),
    refetchInterval: 10_000,
  })
  return (
    <Loaded query={query}>
      {({ sessions }) => (
        <Listing<HistoryEntry>
          label={say('terminal.history')}
          rows={sessions}
          keyOf={({ session }) => session}
          empty={say('terminal.historyNone')}
          columns={[
            { title: say('terminal.session'), cell: ({ session }) => session },
            { title: say('endpoint.user'), cell: ({ user }) => <Name>{user}</Name> },
            { title: say('terminal.command'), cell: ({ command }) => <Name>{command ?? '–'}</Name> },
            {
              title: say('terminal.started'),
              cell: ({ startedAtMs }) => formatWhen(startedAtMs, now, language),
            },
            {
              title: say('terminal.ended'),
              cell: ({ durationMs, end }) =>
                durationMs === undefined
                  ? '–'
                  : `${formatPlayTime(durationMs)} ${end === undefined ? '' : 'code' in end ? end.code : end.signal}`,
            },
          ]}
        />
      )}
    </Loaded>
  )
}
