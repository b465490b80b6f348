import { Button, Checkbox, Group, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { FILES_API, type FoundItem } from '../../apps/files/messages.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import { call } from '../api/call.ts'
import { appPrefix } from '../api/files-queries.ts'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { visibleName } from '../parts/name.tsx'
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
  onDone,
  onStarted,
}: Terms & { path: string; onStarted: () => void }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const endpoints = useQuery(NETWORK_QUERIES.endpointsOf(mesh, here.user))
  const own = endpoints.data?.endpoints ?? []
  const [endpoint, setEndpoint] = useState<string>(here.id)
  const [file, setFile] = useState('')
  const [mayReplace, setMayReplace] = useState(false)
  const name = own.find(({ id }) => id === endpoint)?.name ?? here.name
  const fetching = useMutation({
    mutationFn: () =>
      call(
        FILES_API.download,
        { params: { endpoint }, body: { path, mayReplace, ...(file !== '' && { file }) } },
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
        <Select
          label={say('files.fetchAt')}
          data={own.map(one => ({
            value: one.id,
            label: one.isLocal ? `${one.name} (${say('endpoint.local')})` : one.name,
          }))}
          value={endpoint}
          onChange={value => setEndpoint(value ?? here.id)}
          allowDeselect={false}
        />
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
