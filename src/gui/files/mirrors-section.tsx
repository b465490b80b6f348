import {
  Alert,
  Button,
  Group,
  Modal,
  NumberInput,
  Select,
  Stack,
  TagsInput,
  Text,
  TextInput,
  type TextInputProps,
  Title,
} from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import {
  type MirrorDirection,
  type MirrorInfo,
  type MirrorState,
  SYNC_API,
} from '../../apps/sync/messages.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import { call } from '../api/call.ts'
import { appPrefix, FILES_QUERIES } from '../api/files-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatBytes, formatWhen } from '../parts/amounts.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded, Missing } from '../parts/loaded.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { type Mood, StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import { formatDiskPlace } from './file-paths.ts'

/** The mirrors that this computer keeps: folders that are kept equal with others. */
export function MirrorsSection({ mesh, here }: { mesh: string; here: MeshInfo['endpoint'] }) {
  const { say } = useTexts()
  const mirrors = useQuery(FILES_QUERIES.mirrors(mesh, here.id))
  const [isMaking, { open, close }] = useDisclosure()
  return (
    <section>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h3">
          {say('mirror.title')}
        </Title>
        <Button size="xs" onClick={open}>
          {say('mirror.new')}
        </Button>
      </Group>
      <Loaded query={mirrors}>
        {({ mirrors: all }) => <Mirrors mesh={mesh} here={here} mirrors={all} />}
      </Loaded>
      <Modal
        opened={isMaking}
        onClose={close}
        title={say('mirror.new')}
        size="lg"
        closeButtonProps={{ 'aria-label': say('action.close') }}
      >
        <MirrorForm mesh={mesh} here={here} onDone={close} />
      </Modal>
    </section>
  )
}

function Mirrors({
  mesh,
  here,
  mirrors,
}: {
  mesh: string
  here: MeshInfo['endpoint']
  mirrors: readonly MirrorInfo[]
}) {
  const { say, language } = useTexts()
  const now = useNow(5_000)
  const endpoints = useQuery(QUERIES.endpoints(mesh)).data?.endpoints ?? []
  const nameOf = (id: string | undefined) => endpoints.find(one => one.id === id)?.name ?? id
  const options = { prefix: appPrefix(mesh, 'sync') }
  return (
    <>
      <Listing
        label={say('mirror.title')}
        rows={mirrors}
        keyOf={({ name }) => name}
        empty={say('mirror.none')}
        columns={[
          { title: say('files.name'), cell: ({ name }) => <Name>{name}</Name> },
          { title: say('mirror.folder'), cell: ({ folder }) => <Name>{folder}</Name> },
          {
            title: say('mirror.to'),
            cell: ({ to, direction, apartCount }) => (
              <>
                <Name>{formatDiskPlace({ ...to, endpoint: nameOf(to.endpoint) })}</Name>
                {direction !== 'both' && <Text size="xs">{say(`mirror.way.${direction}`)}</Text>}
                {apartCount > 0 && <Text size="xs">{say('mirror.apart', { count: apartCount })}</Text>}
              </>
            ),
          },
          {
            title: say('state.title'),
            cell: ({ state, error, inSyncAtMs }) => (
              <>
                <StateBadge mood={MOODS[state]} title={error}>
                  {say(`mirror.state.${state}`)}
                </StateBadge>
                {inSyncAtMs !== undefined && <Text size="xs">{formatWhen(inSyncAtMs, now, language)}</Text>}
              </>
            ),
          },
          {
            title: say('mirror.sent'),
            cell: ({ leftCount, sentBytes }) =>
              `${formatBytes(sentBytes, language)}${leftCount > 0 ? `, ${say('mirror.left', { count: leftCount })}` : ''}`,
          },
          {
            title: '',
            cell: ({ name, state }) => {
              const params = { endpoint: here.id, mirror: name }
              const isPaused = state === 'paused'
              return (
                <Group gap={4} wrap="nowrap">
                  <ActionButton
                    label={`${say(isPaused ? 'mirror.resume' : 'mirror.pause')} ${name}`}
                    run={() =>
                      call(SYNC_API.changeMirror, { params, body: { isPaused: !isPaused } }, options)
                    }
                  >
                    {say(isPaused ? 'mirror.resume' : 'mirror.pause')}
                  </ActionButton>
                  <ActionButton
                    label={`${say('mirror.stop')} ${name}`}
                    question={say('mirror.stopAsk', { name })}
                    run={() => call(SYNC_API.deleteMirror, { params }, options)}
                  >
                    {say('mirror.stop')}
                  </ActionButton>
                </Group>
              )
            },
          },
        ]}
      />
      {mirrors.map(mirror => (
        <Troubles key={mirror.name} mirror={mirror} />
      ))}
    </>
  )
}

/** What could not be made equal, and what both sides had changed. */
function Troubles({ mirror: { name, error, problems, conflicts } }: { mirror: MirrorInfo }) {
  const { say } = useTexts()
  if (error === undefined && problems.length + conflicts.length === 0) return null
  return (
    <Alert color="orange" my="xs" title={<bdi>{visibleName(name)}</bdi>}>
      {error !== undefined && <Text size="sm">{visibleName(error)}</Text>}
      {problems.slice(0, MAX_TROUBLES).map(({ path, message }) => (
        <Text key={path} size="sm">
          <Name>{path}</Name>: {visibleName(message)}
        </Text>
      ))}
      {conflicts.length > 0 && <Text size="sm">{say('mirror.conflicts')}</Text>}
      {conflicts.slice(-MAX_TROUBLES).map(path => (
        <Text key={path} size="sm">
          <Name>{path}</Name>
        </Text>
      ))}
    </Alert>
  )
}

/** Keep a folder of this computer and one of another equal. */
function MirrorForm({
  mesh,
  here,
  onDone,
}: {
  mesh: string
  here: MeshInfo['endpoint']
  onDone: () => void
}) {
  const { say } = useTexts()
  const endpoints = useQuery(QUERIES.endpoints(mesh))
  const others = (endpoints.data?.endpoints ?? []).filter(({ isLocal }) => !isLocal)
  const [folder, setFolder] = useState('')
  const [endpoint, setEndpoint] = useState<string | null>(null)
  const [path, setPath] = useState('')
  const [typedName, setName] = useState('')
  const [ignores, setIgnores] = useState<string[]>([])
  const [direction, setDirection] = useState<MirrorDirection>('both')
  const [megabits, setMegabits] = useState<number | string>('')
  const other = others.find(({ id }) => id === endpoint)
  const isOwn = other === undefined || other.user === here.user
  const name = typedName || (folder.split('/').findLast(part => part !== '') ?? '')
  const limit = megabits === '' ? undefined : Number(megabits)
  const to = { path, ...(endpoint !== null && { endpoint }), ...(!isOwn && { user: other.user }) }
  const make = useMaking(mesh, here.id, onDone)
  const user = isOwn ? undefined : other.user
  const place = formatDiskPlace({ endpoint: other?.name ?? 'ENDPOINT', user, path: path || 'PATH' })
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        make.mutate({ name, folder, to, ignores, limit, direction })
      }}
    >
      <Stack>
        <Text size="sm">{say('mirror.help')}</Text>
        <Field
          label={say('mirror.folder')}
          placeholder="/home/ann/Documents"
          value={folder}
          onChange={setFolder}
          required
        />
        <Missing query={endpoints} />
        <Group grow align="start">
          <Select
            label={say('mirror.endpoint')}
            data={others.map(({ id, name: one, user }) => ({
              value: id,
              label: user === here.user ? one : `${user}@${one}`,
            }))}
            value={endpoint}
            onChange={setEndpoint}
            searchable
            required
          />
          <Field
            label={say('mirror.path')}
            placeholder="Documents"
            value={path}
            onChange={setPath}
            required
          />
        </Group>
        <Group grow align="start">
          <Field label={say('mirror.name')} placeholder={name} value={typedName} onChange={setName} />
          <LimitField value={megabits} onChange={setMegabits} />
        </Group>
        <DirectionChoice value={direction} onChange={setDirection} />
        <TagsInput label={say('mirror.ignores')} placeholder="*.tmp" value={ignores} onChange={setIgnores} />
        <EqualCommand>
          {formatMirror({ folder, place, name: typedName, ignores, limit, direction })}
        </EqualCommand>
        {make.error !== null && <Failure error={make.error} />}
        <Button type="submit" loading={make.isPending}>
          {say('mirror.begin')}
        </Button>
      </Stack>
    </form>
  )
}

function LimitField({
  value,
  onChange,
}: {
  value: number | string
  onChange: (megabits: number | string) => void
}) {
  const { say } = useTexts()
  return <NumberInput label={say('mirror.limit')} value={value} onChange={onChange} min={0.1} hideControls />
}

function DirectionChoice({
  value,
  onChange,
}: {
  value: MirrorDirection
  onChange: (direction: MirrorDirection) => void
}) {
  const { say } = useTexts()
  return (
    <Select
      label={say('mirror.way')}
      data={DIRECTIONS.map(one => ({ value: one, label: say(`mirror.way.${one}`) }))}
      value={value}
      onChange={chosen => onChange(chosen ?? 'both')}
      allowDeselect={false}
    />
  )
}

function Field({
  onChange,
  ...rest
}: Omit<TextInputProps, 'onChange'> & { onChange: (value: string) => void }) {
  return <TextInput {...rest} onChange={event => onChange(event.currentTarget.value)} />
}

interface MirrorWish {
  readonly name: string
  readonly folder: string
  readonly to: { readonly path: string; readonly endpoint?: string; readonly user?: string }
  readonly ignores: readonly string[]
  readonly direction: MirrorDirection
  /** Megabits a second. */
  readonly limit: number | undefined
}

function useMaking(mesh: string, endpoint: string, onDone: () => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ limit, ...wish }: MirrorWish) => {
      const body = { ...wish, ...(limit !== undefined && { bytesPerSecond: limit * 125_000 }) } as never
      return call(SYNC_API.createMirror, { params: { endpoint }, body }, { prefix: appPrefix(mesh, 'sync') })
    },
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: ['files', mesh, 'mirrors'] })
      onDone()
    },
  })
}

/** The command that makes such a mirror. */
function formatMirror(wish: Omit<MirrorWish, 'to'> & { place: string }): string {
  const { folder, place, name, ignores, limit, direction } = wish
  return formatCommand(
    ...['ztm', 'file', 'mirror', folder || 'FOLDER', '--to', place],
    ...(name === '' ? [] : ['--name', name]),
    ...(ignores.length > 0 ? ['--ignore', ...ignores] : []),
    ...(direction === 'both' ? [] : [`--${direction}`]),
    ...(limit === undefined ? [] : ['--limit-mbps', String(limit)]),
  )
}

const DIRECTIONS: readonly MirrorDirection[] = ['both', 'upload', 'download']

const MOODS: Readonly<Record<MirrorState, Mood>> = {
  starting: 'waiting',
  connecting: 'waiting',
  syncing: 'waiting',
  'in sync': 'well',
  'in sync but for problems': 'ill',
  waiting: 'waiting',
  failed: 'ill',
  paused: 'resting',
}
const MAX_TROUBLES = 20
