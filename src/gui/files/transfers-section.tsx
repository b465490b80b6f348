import { Button, Group, Progress, Stack, Text, TextInput, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, useSyncExternalStore } from 'react'
import { FILES_API, type JobInfo } from '../../apps/files/messages.ts'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import type { TransferInfo } from '../../core/api/transfers-api.ts'
import { call } from '../api/call.ts'
import { appPrefix, FILES_QUERIES } from '../api/files-queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatBytes } from '../parts/amounts.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { type Mood, StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'
import { createRateMeter, formatSeconds, secondsLeft } from './transfer-rate.ts'
import { UPLOADS, type Upload } from './upload-queue.ts'

type State = 'waiting' | 'running' | 'paused' | 'done' | 'failed' | 'cancelled'

/** Any file that is moved, whoever moves it. */
interface Moving {
  readonly id: string
  readonly what: 'up' | 'down' | 'publish' | 'download'
  readonly name: string
  readonly place: string
  readonly state: State
  readonly doneBytes: number
  readonly totalBytes: number
  readonly error?: string | undefined
  readonly stop?: (() => Promise<unknown>) | undefined
  /** Let it wait, or go on. */
  readonly pause?: ((isPaused: boolean) => Promise<unknown>) | undefined
}

const METER = createRateMeter()

/** How many files are on their way: of this page, of the agent. */
export function useMovingCount(mesh: string, here: string): number {
  const moving = useMoving(mesh, here)
  return moving.filter(({ state }) => state === 'running' || state === 'waiting').length
}

/** Everything that is moved or was, with how fast and how long yet; what the agent moves also after the page was loaded again. */
export function TransfersSection({ mesh, here }: { mesh: string; here: MeshInfo['endpoint'] }) {
  const { say } = useTexts()
  const transfers = useQuery(FILES_QUERIES.transfers())
  const rows = useMoving(mesh, here.id)
  return (
    <Stack>
      <Loaded query={transfers}>
        {() => (
          <Listing
            label={say('files.transfers')}
            rows={shownOf(rows)}
            keyOf={({ id }) => id}
            empty={say('files.noTransfers')}
            columns={[
              { title: say('files.way2'), cell: ({ what }) => say(`files.what.${what}`) },
              {
                title: say('files.name'),
                cell: ({ name, place }) => (
                  <>
                    <Name>{name}</Name>
                    <Text size="xs">
                      <Name>{place}</Name>
                    </Text>
                  </>
                ),
              },
              { title: say('files.progress'), cell: row => <HowFar row={row} /> },
              { title: say('state.title'), cell: row => <HowItIs row={row} /> },
              {
                title: '',
                cell: row => <WhatToDo row={row} />,
              },
            ]}
          />
        )}
      </Loaded>
      <Group>
        {rows.length > SHOWN_ROWS && (
          <Text size="sm">{say('count.of', { count: SHOWN_ROWS, total: rows.length })}</Text>
        )}
        <Button size="xs" variant="default" onClick={() => UPLOADS.forgetEnded()}>
          {say('files.forget')}
        </Button>
      </Group>
      <EqualCommand>{'ztm file jobs\nztm file transfers'}</EqualCommand>
      <FolderSetting mesh={mesh} here={here} />
    </Stack>
  )
}

function WhatToDo({ row: { name, state, stop, pause } }: { row: Moving }) {
  const { say } = useTexts()
  const isPaused = state === 'paused'
  const word = say(isPaused ? 'mirror.resume' : 'mirror.pause')
  return (
    <Group gap={4} wrap="nowrap">
      {pause && (
        <ActionButton label={`${word} ${name}`} run={() => pause(!isPaused)}>
          {word}
        </ActionButton>
      )}
      {stop && (
        <ActionButton label={`${say('files.stop')} ${name}`} run={stop}>
          {say('files.stop')}
        </ActionButton>
      )}
    </Group>
  )
}

/** Of very many, those that move, and then those that failed, wait, are over. */
function shownOf(rows: readonly Moving[]): readonly Moving[] {
  if (rows.length <= SHOWN_ROWS) return rows
  return rows.toSorted((a, b) => RANKS[a.state] - RANKS[b.state]).slice(0, SHOWN_ROWS)
}

const RANKS: Readonly<Record<State, number>> = {
  running: 0,
  failed: 1,
  waiting: 2,
  paused: 3,
  cancelled: 4,
  done: 5,
}
const SHOWN_ROWS = 50

function HowFar({ row: { id, doneBytes, totalBytes, state, name } }: { row: Moving }) {
  const { say, language } = useTexts()
  const percent = totalBytes === 0 ? (state === 'done' ? 100 : 0) : (doneBytes * 100) / totalBytes
  const rate = state === 'running' ? METER.tell(id, doneBytes, performance.now()) : undefined
  const left = secondsLeft(totalBytes - doneBytes, rate)
  return (
    <Stack gap={2} miw={160}>
      <Progress value={percent} aria-label={`${say('files.progress')} ${name}`} />
      <Text size="xs">
        {Math.floor(percent)} % · {formatBytes(doneBytes, language)} / {formatBytes(totalBytes, language)}
        {rate !== undefined && ` · ${formatBytes(rate, language)}/s`}
        {left !== undefined && ` · ${say('files.left', { time: formatSeconds(left) })}`}
      </Text>
    </Stack>
  )
}

function HowItIs({ row: { what, state, error } }: { row: Moving }) {
  const { say } = useTexts()
  const isInterrupted = state === 'waiting' && (what === 'up' || what === 'down')
  return (
    <>
      <StateBadge mood={MOODS[state]}>{say(`files.state.${state}`)}</StateBadge>
      {isInterrupted && <Text size="xs">{say(what === 'up' ? 'files.chooseAgain' : 'files.saveAgain')}</Text>}
      {error !== undefined && (
        <Text size="xs" style={{ overflowWrap: 'anywhere' }}>
          {error}
        </Text>
      )}
    </>
  )
}

function useMoving(mesh: string, here: string): readonly Moving[] {
  const uploads = useSyncExternalStore(UPLOADS.subscribe, UPLOADS.snapshot)
  const transfers = useQuery(FILES_QUERIES.transfers()).data?.transfers ?? []
  const jobs = useQuery(FILES_QUERIES.jobs(mesh, here)).data?.jobs ?? []
  const own = uploads.filter(one => one.mesh === mesh)
  const isOwn = ({ id }: TransferInfo) => own.some(({ transfer }) => transfer === id)
  return [
    // The newest first.
    ...own.map(ofUpload).toReversed(),
    ...transfers
      .filter(one => one.mesh === mesh && !isOwn(one))
      .map(ofTransfer)
      .toReversed(),
    ...jobs.toReversed().map(job => ofJob(mesh, here, job)),
  ]
}

function ofUpload({ key, name, state, doneBytes, totalBytes, error }: Upload): Moving {
  const isOver = state === 'done' || state === 'cancelled'
  const stop = async () => UPLOADS.cancel(key)
  const rest = { error: error?.message, stop: isOver ? undefined : stop }
  return { id: `upload ${key}`, what: 'up', name, place: '', state, doneBytes, totalBytes, ...rest }
}

function ofTransfer({
  id,
  direction,
  name,
  place = '',
  state,
  doneBytes,
  totalBytes,
  error,
}: TransferInfo): Moving {
  const stop = () => call(AGENT_API.stopTransfer, { params: { transfer: id } })
  const what = direction === 'in' ? 'up' : 'down'
  const isOver = state === 'done' || state === 'cancelled'
  return {
    id,
    what,
    name,
    place,
    state,
    doneBytes,
    totalBytes,
    error: error?.message,
    stop: isOver ? undefined : stop,
  }
}

function ofJob(
  mesh: string,
  endpoint: string,
  { id, kind, path, file, state, doneBytes, totalBytes, error, endedAtMs }: JobInfo,
): Moving {
  const params = { endpoint, job: id }
  const options = { prefix: appPrefix(mesh, 'files') }
  const stop = () => call(FILES_API.cancelJob, { params }, options)
  const pause = (isPaused: boolean) => call(FILES_API.changeJob, { params, body: { isPaused } }, options)
  const rest = {
    error: error?.message,
    ...(endedAtMs === undefined && { stop, ...(kind === 'download' && { pause }) }),
  }
  return { id, what: kind, name: path, place: file, state, doneBytes, totalBytes, ...rest }
}

/** Where files go that are published from the page, or fetched and told no place. */
function FolderSetting({ mesh, here }: { mesh: string; here: MeshInfo['endpoint'] }) {
  const { say } = useTexts()
  const config = useQuery(FILES_QUERIES.config(mesh, here.id))
  return (
    <section>
      <Title order={2} size="h3" mb="xs">
        {say('files.ownFolder')}
      </Title>
      <Loaded query={config}>
        {({ folder }) => <FolderForm key={folder} mesh={mesh} here={here} folder={folder} />}
      </Loaded>
    </section>
  )
}

function FolderForm({ mesh, here, folder }: { mesh: string; here: MeshInfo['endpoint']; folder: string }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [typed, setTyped] = useState(folder)
  const change = useMutation({
    mutationFn: () =>
      call(
        FILES_API.changeFilesConfig,
        { params: { endpoint: here.id }, body: { folder: typed } },
        { prefix: appPrefix(mesh, 'files') },
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['files', mesh, 'config'] }),
  })
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        change.mutate()
      }}
    >
      <Group align="end">
        <TextInput
          label={say('files.folder')}
          value={typed}
          onChange={event => setTyped(event.currentTarget.value)}
          required
        />
        <Button type="submit" variant="default" loading={change.isPending} disabled={typed === folder}>
          {say('action.save')}
        </Button>
      </Group>
      {change.error !== null && <Failure error={change.error} />}
    </form>
  )
}

const MOODS: Readonly<Record<State, Mood>> = {
  waiting: 'waiting',
  running: 'waiting',
  paused: 'resting',
  done: 'well',
  failed: 'ill',
  cancelled: 'resting',
}
