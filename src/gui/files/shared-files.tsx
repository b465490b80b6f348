import { Alert, Badge, Button, Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { FoundItem, InsideEntry } from '../../apps/files/messages.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import { pathBelow } from '../../core/files/mesh-path.ts'
import { type ContentName, FILES_QUERIES, saveContent } from '../api/files-queries.ts'
import { formatWhen } from '../parts/amounts.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import { Crumbs } from './crumbs.tsx'
import { DropZone } from './drop-zone.tsx'
import { type ChosenFile, lastName, meshCrumbs } from './file-paths.ts'
import { FileTable } from './file-table.tsx'
import { FetchForm, ShareForm, WithdrawForm } from './item-forms.tsx'
import { Preview, type Shown } from './preview.tsx'
import { SaveArchive, Saving } from './save-archive.tsx'
import { UploadForm } from './upload-form.tsx'

interface Props {
  readonly mesh: string
  readonly here: MeshInfo['endpoint']
  /** Where in the mesh's file space one looks; `/` for all. */
  readonly path: string
  readonly onGo: (path: string) => void
  /** Something was begun that is to be seen among the transfers. */
  readonly onStarted: () => void
}

/** What is published in the mesh: found, looked into and at, saved, fetched, shared; and a place to drop what is to be published. */
export function SharedFiles({ mesh, here, path, onGo, onStarted }: Props) {
  const { say } = useTexts()
  const [word, setWord] = useState('')
  const [tag, setTag] = useState<string | null>(null)
  const [owner, setOwner] = useState<string | null>(null)
  const [pattern] = useDebouncedValue(word.trim(), 300)
  const [files, setFiles] = useState<readonly ChosenFile<File>[]>()
  const search = {
    path: path === '/' ? undefined : path,
    pattern,
    owner: owner ?? undefined,
    tag: tag ?? undefined,
  }
  const found = useQuery(FILES_QUERIES.found(mesh, search))
  const all = useQuery(FILES_QUERIES.found(mesh, {})).data?.items ?? []
  const tree = found.data?.items.find(
    item => item.kind === 'tree' && pathBelow(path, item.path) !== undefined,
  )
  return (
    <Stack>
      <Group align="end">
        <TextInput
          label={say('action.search')}
          placeholder="*.pdf"
          value={word}
          onChange={event => setWord(event.currentTarget.value)}
        />
        <Select
          label={say('files.owner')}
          data={[...new Set(all.map(one => one.owner))]}
          value={owner}
          onChange={setOwner}
          clearable
        />
        <Select
          label={say('files.tag')}
          data={[...new Set(all.flatMap(one => one.tags))]}
          value={tag}
          onChange={setTag}
          clearable
        />
      </Group>
      <Crumbs crumbs={[{ name: say('files.all'), path: '/' }, ...meshCrumbs(path)]} onGo={onGo} />
      <DropZone mesh={mesh} onFiles={setFiles}>
        <Loaded query={found}>
          {({ items, unanswered }) => (
            <Stack>
              {tree === undefined ? (
                <FoundFiles {...{ mesh, here, items, onGo, onStarted }} />
              ) : (
                <TreeFiles {...{ mesh, here, path, onGo, onStarted }} />
              )}
              {unanswered.length > 0 && (
                <Alert color="gray" title={say('files.unanswered')}>
                  {unanswered.map(({ endpoint, name, user, reason }) => (
                    <Text key={endpoint} size="sm">
                      <Name>{`${name} (${user})`}</Name>: {visibleName(reason)}
                    </Text>
                  ))}
                </Alert>
              )}
            </Stack>
          )}
        </Loaded>
      </DropZone>
      <EqualCommand>{formatCommand('ztm', 'file', 'ls', ...(path === '/' ? [] : [path]))}</EqualCommand>
      <Modal
        opened={files !== undefined}
        onClose={() => setFiles(undefined)}
        title={say('files.uploadTitle')}
        size="lg"
        closeButtonProps={{ 'aria-label': say('action.close') }}
      >
        {files && <UploadForm mesh={mesh} here={here} files={files} onDone={() => setFiles(undefined)} />}
      </Modal>
    </Stack>
  )
}

type Doing = { readonly what: 'share' | 'fetch' | 'withdraw'; readonly item: FoundItem }

function FoundFiles({
  mesh,
  here,
  items,
  onGo,
  onStarted,
}: Omit<Props, 'path'> & { items: readonly FoundItem[] }) {
  const { say, language } = useTexts()
  const now = useNow(5_000)
  const [doing, setDoing] = useState<Doing>()
  const [shown, setShown] = useState<Shown>()
  const save = useMutation({
    mutationFn: ({ path, kind }: FoundItem) => saveContent(mesh, contentOf(path, kind === 'tree')),
  })
  const close = () => setDoing(undefined)
  const open = (item: FoundItem) => (item.kind === 'tree' ? onGo(item.path) : setShown(shownOf(item.path)))
  return (
    <>
      <Saving save={save} />
      <FileTable
        label={say('files.published')}
        empty={say('files.none')}
        rows={items}
        keyOf={item => item.path}
        nameOf={item => item.path.slice('/users/'.length)}
        isFolder={item => item.kind === 'tree'}
        onOpen={open}
        sizeBytes={item => item.sizeBytes}
        columns={[
          {
            title: say('files.modified'),
            cell: item => formatWhen(Math.min(item.modifiedAtMs, now), now, language),
          },
          {
            title: say('files.holders'),
            cell: item => <Names names={item.holders.map(({ name }) => name)} />,
          },
          { title: say('files.shared'), cell: item => <Access access={item.access} /> },
          { title: say('files.tags'), cell: item => <Names names={item.tags} /> },
        ]}
        actions={item => [
          { name: say('files.save'), run: () => save.mutate(item) },
          { name: say('files.fetch'), run: () => setDoing({ what: 'fetch', item }) },
          ...(item.owner === here.user
            ? [
                { name: say('files.share'), run: () => setDoing({ what: 'share', item }) },
                { name: say('files.withdraw'), run: () => setDoing({ what: 'withdraw', item }) },
              ]
            : []),
        ]}
      />
      <Preview mesh={mesh} shown={shown} onClose={() => setShown(undefined)} />
      <Modal
        opened={doing !== undefined}
        onClose={close}
        title={
          <>
            {doing && say(`files.${doing.what}`)} <bdi>{visibleName(lastName(doing?.item.path ?? ''))}</bdi>
          </>
        }
        closeButtonProps={{ 'aria-label': say('action.close') }}
      >
        {doing?.what === 'share' && <ShareForm mesh={mesh} here={here} item={doing.item} onDone={close} />}
        {doing?.what === 'withdraw' && (
          <WithdrawForm mesh={mesh} here={here} item={doing.item} onDone={close} />
        )}
        {doing?.what === 'fetch' && (
          <FetchForm {...{ mesh, here, onStarted }} path={doing.item.path} isItem onDone={close} />
        )}
      </Modal>
    </>
  )
}

/** What is in a folder of a published tree. */
function TreeFiles({ mesh, here, path, onGo, onStarted }: Props) {
  const { say, language } = useTexts()
  const now = useNow(5_000)
  const inside = useQuery(FILES_QUERIES.inside(mesh, path))
  const [shown, setShown] = useState<Shown>()
  const [fetching, setFetching] = useState<string>()
  const save = useMutation({
    mutationFn: ({ path: one, kind }: InsideEntry) => saveContent(mesh, contentOf(one, kind === 'folder')),
  })
  const open = (entry: InsideEntry) => {
    if (entry.kind === 'folder') onGo(entry.path)
    else if (entry.kind === 'file') setShown(shownOf(entry.path))
  }
  return (
    <>
      <Saving save={save} />
      <Loaded query={inside}>
        {({ entries, total }) => (
          <>
            <FileTable
              label={say('files.inside')}
              empty={say('files.emptyFolder')}
              rows={entries}
              keyOf={entry => entry.path}
              nameOf={entry => lastName(entry.path)}
              isFolder={entry => entry.kind === 'folder'}
              onOpen={open}
              sizeBytes={entry => (entry.kind === 'file' ? entry.sizeBytes : undefined)}
              columns={[
                {
                  title: say('files.modified'),
                  cell: entry => formatWhen(Math.min(entry.modifiedAtMs, now), now, language),
                },
                { title: say('files.linkTo'), cell: entry => <Name>{entry.target ?? ''}</Name> },
              ]}
              actions={entry => [
                ...(entry.kind === 'link'
                  ? []
                  : [{ name: say('files.save'), run: () => save.mutate(entry) }]),
                { name: say('files.fetch'), run: () => setFetching(entry.path) },
              ]}
            />
            {total > entries.length && (
              <Text size="sm">{say('count.of', { count: entries.length, total })}</Text>
            )}
          </>
        )}
      </Loaded>
      <Preview mesh={mesh} shown={shown} onClose={() => setShown(undefined)} />
      <Modal
        opened={fetching !== undefined}
        onClose={() => setFetching(undefined)}
        title={
          <>
            {say('files.fetch')} <bdi>{visibleName(lastName(fetching ?? ''))}</bdi>
          </>
        }
        closeButtonProps={{ 'aria-label': say('action.close') }}
      >
        {fetching !== undefined && (
          <FetchForm
            mesh={mesh}
            here={here}
            path={fetching}
            onDone={() => setFetching(undefined)}
            onStarted={onStarted}
          />
        )}
      </Modal>
      <Group>
        <Button variant="default" size="xs" onClick={() => setFetching(path)}>
          {say('files.fetchAll')}
        </Button>
        <SaveArchive key={path} mesh={mesh} content={contentOf(path, true)} />
      </Group>
      <EqualCommand>{formatCommand('ztm', 'file', 'cat', '--tar', path)}</EqualCommand>
    </>
  )
}

/** What is saved of a path: a folder as an archive. */
function contentOf(path: string, isFolder: boolean): ContentName {
  return { app: 'ztm/files', query: { path, ...(isFolder && { as: 'tar' }) } }
}

function shownOf(path: string): Shown {
  const content = contentOf(path, false)
  return { name: lastName(path), content, command: formatCommand('ztm', 'file', 'cat', path) }
}

function Names({ names }: { names: readonly string[] }) {
  return (
    <Group gap={4}>
      {names.map(name => (
        <Badge key={name} variant="default" tt="none">
          <Name>{name}</Name>
        </Badge>
      ))}
    </Group>
  )
}

function Access({ access }: Pick<FoundItem, 'access'>) {
  const { say } = useTexts()
  if (access.everyone) return say('files.whoEveryone')
  if (access.users.length + access.groups.length === 0) return say('files.whoNobody')
  return <Names names={[...access.users, ...access.groups.map(group => `@${group}`)]} />
}
