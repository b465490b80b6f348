import { Button, Checkbox, Group, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { FILES_API, type FoundItem } from '../../apps/files/messages.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import { call } from '../api/call.ts'
import { appPrefix, FILES_QUERIES } from '../api/files-queries.ts'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { formatBytes, formatWhen } from '../parts/amounts.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Missing } from '../parts/loaded.tsx'
import { visibleName } from '../parts/name.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import { AccessFields, accessWords, toAccess, toWish } from './access-fields.tsx'

interface Terms {
  readonly mesh: string
  readonly here: MeshInfo['endpoint']
  readonly onDone: () => void
}

/** Who may see something that one has published, and the words it is found by. */
export function ShareForm({ mesh, item, onDone }: Terms & { item: FoundItem }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [access, setAccess] = useState(() => toWish(item.access))
  const [tags, setTags] = useState<string[]>([...item.tags])
  const share = useMutation({
    mutationFn: () =>
      call(
        FILES_API.share,
        {
          params: { endpoint: item.origin },
          body: { path: item.path, access: toAccess(access), tags: tags as never },
        },
        { prefix: appPrefix(mesh, 'files') },
      ),
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: ['files', mesh] })
      onDone()
    },
  })
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        share.mutate()
      }}
    >
      <Stack>
        <AccessFields mesh={mesh} value={access} onChange={setAccess} />
        <TagsInput label={say('files.tags')} value={tags} onChange={setTags} />
        <EqualCommand>
          {formatCommand('ztm', 'file', 'share', item.path, ...accessWords(access))}
        </EqualCommand>
        {share.error !== null && <Failure error={share.error} />}
        <Group>
          <Button type="submit" loading={share.isPending}>
            {say('action.save')}
          </Button>
          <Button variant="default" onClick={onDone}>
            {say('action.cancel')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** Fetch something to a folder of this computer, or of another of one's own; the agent does it, also when the page is closed. */
export function FetchForm({
  mesh,
  here,
  path,
  isItem = false,
  onDone,
  onStarted,
}: Terms & {
  path: string
  /** It was published as it is, and may have versions; not only in something that was. */
  isItem?: boolean
  onStarted: () => void
}) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const endpoints = useQuery(NETWORK_QUERIES.endpointsOf(mesh, here.user))
  const own = endpoints.data?.endpoints ?? []
  const [endpoint, setEndpoint] = useState<string>(here.id)
  const [file, setFile] = useState('')
  const [mayReplace, setMayReplace] = useState(false)
  const [version, setVersion] = useState<number>()
  const name = own.find(({ id }) => id === endpoint)?.name ?? here.name
  const fetching = useMutation({
    mutationFn: () =>
      call(
        FILES_API.download,
        {
          params: { endpoint },
          body: { path, mayReplace, ...(file !== '' && { file }), ...(version && { version }) },
        },
        { prefix: appPrefix(mesh, 'files') },
      ),
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: ['files', mesh, 'jobs'] })
      onStarted()
    },
  })
  const command = formatCommand(
    'ztm',
    ...(endpoint === here.id ? [] : ['ep', name]),
    ...(file === '' ? ['cloud', 'download', path] : ['file', 'get', path, '--to', file]),
    ...(version ? ['--old', String(version)] : []),
    ...(mayReplace ? ['--force'] : []),
  )
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        fetching.mutate()
      }}
    >
      <Stack>
        <Text size="sm">{say('files.fetchHelp')}</Text>
        <Missing query={endpoints} />
        <OwnEndpointChoice endpoints={own} value={endpoint} onChange={id => setEndpoint(id ?? here.id)} />
        {isItem && <VersionChoice mesh={mesh} path={path} value={version} onChange={setVersion} />}
        <TextInput
          label={say('files.fetchTo')}
          description={say('files.fetchToHelp')}
          value={file}
          onChange={event => setFile(event.currentTarget.value)}
        />
        <Checkbox
          label={say('files.replace')}
          checked={mayReplace}
          onChange={event => setMayReplace(event.currentTarget.checked)}
        />
        <EqualCommand>{command}</EqualCommand>
        {fetching.error !== null && <Failure error={fetching.error} />}
        <Group>
          <Button type="submit" loading={fetching.isPending}>
            {say('files.fetch')}
          </Button>
          <Button variant="default" onClick={onDone}>
            {say('action.cancel')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** One of the user's own endpoints. */
function OwnEndpointChoice({
  endpoints,
  value,
  onChange,
}: {
  endpoints: readonly { readonly id: string; readonly name: string; readonly isLocal: boolean }[]
  value: string
  onChange: (endpoint: string | null) => void
}) {
  const { say } = useTexts()
  return (
    <Select
      label={say('files.fetchAt')}
      data={endpoints.map(({ id, name, isLocal }) => ({
        value: id,
        label: isLocal ? `${name} (${say('endpoint.local')})` : name,
      }))}
      value={value}
      onChange={onChange}
      allowDeselect={false}
    />
  )
}

/** Which of the versions that are kept; nothing where none is. */
function VersionChoice({
  mesh,
  path,
  value,
  onChange,
}: {
  mesh: string
  path: string
  /** The newest if absent. */
  value: number | undefined
  onChange: (version: number | undefined) => void
}) {
  const { say, language } = useTexts()
  const now = useNow(5_000)
  const { data, error } = useQuery(FILES_QUERIES.versions(mesh, path))
  if (error !== null) return <Failure error={error} />
  if (data === undefined || data.versions.length === 0) return null
  const old = data.versions.map(({ serial, publishedAtMs, sizeBytes }) => ({
    value: String(serial),
    label: `${serial}: ${formatWhen(publishedAtMs, now, language)}, ${formatBytes(sizeBytes, language)}`,
  }))
  return (
    <Select
      label={say('files.version')}
      data={[{ value: '', label: say('files.versionNewest') }, ...old]}
      value={value === undefined ? '' : String(value)}
      onChange={chosen => onChange(chosen ? Number(chosen) : undefined)}
      allowDeselect={false}
    />
  )
}

/** Withdraw something one has published, and remove it from disk if told so. */
export function WithdrawForm({ mesh, item, onDone }: Terms & { item: FoundItem }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [isErased, setErased] = useState(false)
  const withdraw = useMutation({
    mutationFn: () =>
      call(
        FILES_API.withdraw,
        { params: { endpoint: item.origin }, body: { path: item.path, isErased } },
        { prefix: appPrefix(mesh, 'files') },
      ),
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: ['files', mesh] })
      onDone()
    },
  })
  return (
    <Stack>
      <Text>
        {say('files.withdrawHelp')} <bdi>{visibleName(item.path)}</bdi>
      </Text>
      <Checkbox
        label={say('files.eraseToo')}
        checked={isErased}
        onChange={event => setErased(event.currentTarget.checked)}
      />
      <EqualCommand>
        {formatCommand(
          'ztm',
          'file',
          isErased ? 'erase' : 'unpublish',
          item.path,
          ...(isErased ? ['--yes'] : []),
        )}
      </EqualCommand>
      {withdraw.error !== null && <Failure error={withdraw.error} />}
      <Group>
        <Button color="red.9" data-autofocus loading={withdraw.isPending} onClick={() => withdraw.mutate()}>
          {say(isErased ? 'files.erase' : 'files.withdraw')}
        </Button>
        <Button variant="default" onClick={onDone}>
          {say('action.cancel')}
        </Button>
      </Group>
    </Stack>
  )
}
