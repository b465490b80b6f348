import { Button, Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { FILES_API } from '../../apps/files/messages.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import type { CopyPlaceName } from '../../core/files/copy-request.ts'
import { call } from '../api/call.ts'
import {
  appPrefix,
  type ContentName,
  FILES_QUERIES,
  type FolderEntry,
  jobEnded,
  saveContent,
} from '../api/files-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { formatWhen } from '../parts/amounts.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded, Missing } from '../parts/loaded.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import { AccessFields, type AccessWish, accessWords, NOBODY, toAccess } from './access-fields.tsx'
import { Crumbs } from './crumbs.tsx'
import { type DiskDeed, DiskWindow } from './disk-forms.tsx'
import { DropZone } from './drop-zone.tsx'
import { type ChosenFile, diskCrumbs, formatDiskPlace, joinDisk } from './file-paths.ts'
import { FileTable } from './file-table.tsx'
import { Preview, type Shown } from './preview.tsx'
import { SaveArchive, Saving } from './save-archive.tsx'
import { UploadForm } from './upload-form.tsx'

interface Props {
  readonly mesh: string
  readonly here: MeshInfo['endpoint']
  /** Id of the endpoint whose disk is looked at. */
  readonly endpoint: string
  readonly path: string
  readonly onGo: (to: { readonly endpoint?: string; readonly path?: string }) => void
  readonly onStarted: () => void
}

/** The folders of an endpoint's disk: of one's own all, of another's what was granted. */
export function FolderBrowser({ mesh, here, endpoint, path, onGo, onStarted }: Props) {
  const { say } = useTexts()
  const known = useQuery(QUERIES.endpoints(mesh))
  const endpoints = known.data?.endpoints ?? []
  const chosen = endpoints.find(({ id }) => id === endpoint)
  const user = chosen === undefined || chosen.user === here.user ? undefined : chosen.user
  const at = { endpoint, path, ...(user !== undefined && { user }) }
  const folder = useQuery(FILES_QUERIES.folder(mesh, at))
  const [files, setFiles] = useState<readonly ChosenFile<File>[]>()
  const computer = chosen?.name ?? endpoint
  const place = formatDiskPlace({ ...at, endpoint: computer })
  const [deed, setDeed] = useState<DiskDeed>()
  return (
    <Stack>
      <Missing query={known} />
      <Group align="end">
        <Select
          label={say('files.computer')}
          data={endpoints.map(({ id, name, isLocal, user: whose }) => ({
            value: id,
            label: isLocal
              ? `${name} (${say('endpoint.local')})`
              : whose === here.user
                ? name
                : `${whose}@${name}`,
          }))}
          value={endpoint}
          onChange={value => value !== null && onGo({ endpoint: value, path: '~' })}
          allowDeselect={false}
          searchable
        />
        <PathField key={path} path={path} onGo={onGo} />
      </Group>
      <Crumbs crumbs={diskCrumbs(path)} onGo={to => onGo({ path: to })} />
      <DropZone mesh={mesh} onFiles={setFiles}>
        <Loaded query={folder}>
          {({ entries, isCut }) => (
            <>
              <Entries
                mesh={mesh}
                here={here}
                at={at}
                isOwn={user === undefined}
                onDeed={setDeed}
                entries={entries}
                onGo={onGo}
                onStarted={onStarted}
              />
              {isCut && <Text size="sm">{say('files.cutList', { count: entries.length })}</Text>}
            </>
          )}
        </Loaded>
      </DropZone>
      <Group>
        <Button size="xs" variant="default" onClick={() => setDeed({ what: 'newFolder' })}>
          {say('files.newFolder')}
        </Button>
        <SaveArchive key={place} mesh={mesh} content={contentAt(at, true)} />
      </Group>
      <EqualCommand>
        {`${formatCommand('ztm', 'file', 'ls', place)}\n${formatCommand('ztm', 'file', 'cat', '--tar', place)}`}
      </EqualCommand>
      <DiskWindow mesh={mesh} at={at} computer={computer} deed={deed} onDone={() => setDeed(undefined)} />
      <Modal
        opened={files !== undefined}
        onClose={() => setFiles(undefined)}
        title={say('files.uploadTitle')}
        size="lg"
        closeButtonProps={{ 'aria-label': say('action.close') }}
      >
        {files && (
          <UploadForm mesh={mesh} here={here} files={files} folder={at} onDone={() => setFiles(undefined)} />
        )}
      </Modal>
    </Stack>
  )
}

function PathField({ path, onGo }: { path: string; onGo: Props['onGo'] }) {
  const { say } = useTexts()
  const [typed, setTyped] = useState(path)
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        onGo({ path: typed === '' ? '~' : typed })
      }}
    >
      <Group align="end" gap="xs">
        <TextInput
          label={say('files.folder')}
          value={typed}
          onChange={event => setTyped(event.currentTarget.value)}
        />
        <Button type="submit" variant="default">
          {say('files.go')}
        </Button>
      </Group>
    </form>
  )
}

function Entries({
  mesh,
  here,
  at,
  isOwn,
  onDeed,
  entries,
  onGo,
  onStarted,
}: {
  readonly mesh: string
  readonly here: MeshInfo['endpoint']
  readonly at: CopyPlaceName
  readonly isOwn: boolean
  readonly onDeed: (deed: DiskDeed) => void
  readonly entries: readonly FolderEntry[]
  readonly onGo: Props['onGo']
  readonly onStarted: () => void
}) {
  const { say, language } = useTexts()
  const now = useNow(5_000)
  const [shown, setShown] = useState<Shown>()
  const [publishing, setPublishing] = useState<string>()
  const pathOf = ({ name }: FolderEntry) => joinDisk(at.path, name)
  const contentOf = (entry: FolderEntry) => contentAt({ ...at, path: pathOf(entry) }, entry.kind === 'folder')
  const save = useMutation({ mutationFn: (entry: FolderEntry) => saveContent(mesh, contentOf(entry)) })
  return (
    <>
      <Saving save={save} />
      <FileTable
        label={say('files.inside')}
        empty={say('files.emptyFolder')}
        rows={entries}
        keyOf={({ name }) => name}
        nameOf={({ name }) => name}
        isFolder={({ kind }) => kind === 'folder'}
        onOpen={entry => {
          if (entry.kind === 'folder') onGo({ path: pathOf(entry) })
          else if (entry.kind === 'file')
            setShown({
              name: entry.name,
              content: contentOf(entry),
              command: formatCommand('ztm', 'file', 'cat', formatDiskPlace({ ...at, path: pathOf(entry) })),
            })
        }}
        sizeBytes={({ size }) => size}
        columns={[
          {
            title: say('files.modified'),
            cell: ({ mtimeMs }) =>
              mtimeMs === undefined ? '' : formatWhen(Math.min(mtimeMs, now), now, language),
          },
          { title: say('files.linkTo'), cell: ({ target = '' }) => <Name>{target}</Name> },
        ]}
        actions={entry => [
          ...(entry.kind === 'link' ? [] : [{ name: say('files.save'), run: () => save.mutate(entry) }]),
          ...(isOwn && entry.kind !== 'link'
            ? [{ name: say('files.publish'), run: () => setPublishing(pathOf(entry)) }]
            : []),
          { name: say('files.rename'), run: () => onDeed({ what: 'rename', name: entry.name }) },
          {
            name: say('files.delete'),
            run: () => onDeed({ what: 'delete', name: entry.name, isFolder: entry.kind === 'folder' }),
          },
        ]}
      />
      <Preview mesh={mesh} shown={shown} onClose={() => setShown(undefined)} />
      <Modal
        opened={publishing !== undefined}
        onClose={() => setPublishing(undefined)}
        title={say('files.publish')}
        closeButtonProps={{ 'aria-label': say('action.close') }}
      >
        {publishing !== undefined && (
          <PublishForm
            mesh={mesh}
            endpoint={at.endpoint ?? here.id}
            source={publishing}
            onDone={() => setPublishing(undefined)}
            onStarted={onStarted}
          />
        )}
      </Modal>
    </>
  )
}

/** What is saved of a place: a folder as an archive. */
function contentAt({ endpoint, user, path }: CopyPlaceName, isFolder: boolean): ContentName {
  const place = { ...(endpoint !== undefined && { endpoint }), ...(user !== undefined && { user }), path }
  return { app: 'ztm/sync', query: { ...place, ...(isFolder && { as: 'tar' }) } }
}

/** Publish a file or folder where it is, at any endpoint of one's own. */
function PublishForm({
  mesh,
  endpoint,
  source,
  onDone,
  onStarted,
}: {
  readonly mesh: string
  readonly endpoint: string
  readonly source: string
  readonly onDone: () => void
  readonly onStarted: () => void
}) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [name, setName] = useState(source.split(/[\\/]/).at(-1) ?? '')
  const [access, setAccess] = useState<AccessWish>(NOBODY)
  const publish = useMutation({
    mutationFn: () => {
      // There `~` is the home folder to a shell alone.
      const path = source.replace(/^~\//, '')
      const body = { source: path, name, access: toAccess(access) }
      return call(FILES_API.publish, { params: { endpoint }, body }, { prefix: appPrefix(mesh, 'files') })
    },
    onSuccess({ id }) {
      // Its progress, and why it failed, is among the transfers; it is found when it is done.
      void jobEnded(mesh, endpoint, id)
        .catch(() => {})
        .finally(() => void queries.invalidateQueries({ queryKey: ['files', mesh] }))
      onStarted()
    },
  })
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        publish.mutate()
      }}
    >
      <Stack>
        <Text size="sm">
          <bdi>{visibleName(source)}</bdi>
        </Text>
        <TextInput
          label={say('files.nameInMesh')}
          value={name}
          onChange={event => setName(event.currentTarget.value)}
          required
        />
        <AccessFields mesh={mesh} value={access} onChange={setAccess} />
        <EqualCommand>
          {formatCommand(
            'ztm',
            'ep',
            endpoint,
            'file',
            'publish',
            source.replace(/^~\//, ''),
            '--as',
            name,
            ...accessWords(access),
          )}
        </EqualCommand>
        {publish.error !== null && <Failure error={publish.error} />}
        <Group>
          <Button type="submit" loading={publish.isPending}>
            {say('files.publish')}
          </Button>
          <Button variant="default" onClick={onDone}>
            {say('action.cancel')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
