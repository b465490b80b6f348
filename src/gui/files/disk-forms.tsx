import { Button, Group, Modal, Progress, Stack, Text, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import type { CopyEvent, CopyPlaceName, DiskChangeRequest } from '../../core/files/copy-request.ts'
import { findNameTrouble } from '../../core/files/disk-path.ts'
import { askDisk } from '../api/disk-stream.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { formatDiskPlace, joinDisk } from './file-paths.ts'

/** What is done to a folder on a disk, or to something in it. */
export type DiskDeed =
  | { readonly what: 'newFolder' }
  | { readonly what: 'rename'; readonly name: string }
  | { readonly what: 'delete'; readonly name: string; readonly isFolder: boolean }

interface Terms<D> {
  readonly mesh: string
  /** The folder. */
  readonly at: CopyPlaceName
  /** The same, as the command line names its computer. */
  readonly computer: string
  readonly deed: D
  readonly onDone: () => void
}

/** Where one makes a folder, gives something another name, or removes it, on the disk of any computer where one may. */
export function DiskWindow({ deed, ...terms }: Terms<DiskDeed | undefined>) {
  const { say } = useTexts()
  return (
    <Modal
      opened={deed !== undefined}
      onClose={terms.onDone}
      title={
        deed && (
          <>
            {say(`files.${deed.what}`)} {deed.what !== 'newFolder' && <bdi>{visibleName(deed.name)}</bdi>}
          </>
        )
      }
      closeButtonProps={{ 'aria-label': say('action.close') }}
    >
      {deed?.what === 'delete' && <DeleteForm {...terms} deed={deed} />}
      {deed !== undefined && deed.what !== 'delete' && <NameForm {...terms} deed={deed} />}
    </Modal>
  )
}

function NameForm({ mesh, at, computer, deed, onDone }: Terms<Exclude<DiskDeed, { what: 'delete' }>>) {
  const { say } = useTexts()
  const [name, setName] = useState(deed.what === 'rename' ? deed.name : '')
  const change = useChange(mesh, onDone)
  const trouble = name === '' ? undefined : findNameTrouble(name)
  const isSame = deed.what === 'rename' && name === deed.name
  const place = (one: string) => formatDiskPlace({ ...at, endpoint: computer, path: joinDisk(at.path, one) })
  return (
    <ChangeForm
      change={change}
      onDone={onDone}
      submit={say(deed.what === 'rename' ? 'files.rename' : 'files.make')}
      isReady={name !== '' && trouble === undefined && !isSame}
      onSubmit={() =>
        change.mutate(
          deed.what === 'rename'
            ? { kind: 'rename', at: { ...at, path: joinDisk(at.path, deed.name) }, name }
            : { kind: 'make-folder', at: { ...at, path: joinDisk(at.path, name) } },
        )
      }
      command={
        deed.what === 'rename'
          ? formatCommand('ztm', 'file', 'rename', place(deed.name), name)
          : formatCommand('ztm', 'file', 'mkdir', place(name))
      }
    >
      <TextInput
        label={say('files.name')}
        value={name}
        onChange={event => setName(event.currentTarget.value)}
        error={trouble}
        data-autofocus
        required
      />
    </ChangeForm>
  )
}

function DeleteForm({
  mesh,
  at,
  computer,
  deed: { name, isFolder },
  onDone,
}: Terms<Extract<DiskDeed, { what: 'delete' }>>) {
  const { say } = useTexts()
  const change = useChange(mesh, onDone)
  const place = { ...at, path: joinDisk(at.path, name) }
  const { total, done, failed } = change.told
  return (
    <ChangeForm
      change={change}
      onDone={onDone}
      submit={say('files.delete')}
      isReady
      isGrave
      onSubmit={() => change.mutate({ kind: 'remove', at: place, isWhole: isFolder })}
      command={formatCommand(
        'ztm',
        'file',
        'rm',
        ...(isFolder ? ['--recursive'] : []),
        formatDiskPlace({ ...place, endpoint: computer }),
      )}
    >
      <Text size="sm">{say(isFolder ? 'files.deleteFolderAsk' : 'files.deleteAsk')}</Text>
      {total > 1 && (
        <>
          <Progress value={(done * 100) / total} aria-label={say('files.progress')} />
          <Text size="xs">{say('count.of', { count: done, total })}</Text>
        </>
      )}
      {failed.map(text => (
        <Text key={text} size="xs">
          <bdi>{visibleName(text)}</bdi>
        </Text>
      ))}
    </ChangeForm>
  )
}

function ChangeForm({
  change,
  children,
  submit,
  isReady,
  isGrave = false,
  onSubmit,
  onDone,
  command,
}: {
  readonly change: ReturnType<typeof useChange>
  readonly children: ReactNode
  readonly submit: string
  readonly isReady: boolean
  readonly isGrave?: boolean
  readonly onSubmit: () => void
  readonly onDone: () => void
  readonly command: string
}) {
  const { say } = useTexts()
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        if (isReady && !change.isPending) onSubmit()
      }}
    >
      <Stack>
        {children}
        <EqualCommand>{command}</EqualCommand>
        {change.error !== null && <Failure error={change.error} />}
        <Group>
          <Button
            type="submit"
            loading={change.isPending}
            disabled={!isReady}
            {...(isGrave && { color: 'red.9' })}
          >
            {submit}
          </Button>
          <Button variant="default" onClick={onDone}>
            {change.isPending ? say('files.stop') : say('action.cancel')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** A change under way: what is told of it, and that it ends when nobody looks on any more. */
function useChange(mesh: string, onDone: () => void) {
  const queries = useQueryClient()
  const [told, setTold] = useState<Told>(NOTHING_TOLD)
  const leave = useRef<AbortController>(undefined)
  useEffect(() => () => leave.current?.abort(), [])
  const change = useMutation({
    mutationFn: (request: DiskChangeRequest) => {
      setTold(NOTHING_TOLD)
      leave.current = new AbortController()
      const onEvent = (event: CopyEvent) => setTold(before => take(before, event))
      return askDisk(mesh, request, { onEvent, signal: leave.current.signal })
    },
    onSuccess: onDone,
    // What was removed before it broke is gone, too.
    onSettled: () => queries.invalidateQueries({ queryKey: ['files', mesh, 'folder'] }),
  })
  return { ...change, told }
}

interface Told {
  readonly total: number
  readonly done: number
  /** Why some could not be removed, the first of them. */
  readonly failed: readonly string[]
}

function take(told: Told, event: CopyEvent): Told {
  if (event.event === 'planned') return { ...told, total: event.fileCount }
  if (event.event === 'progress') return { ...told, done: event.fileCount }
  if (event.event !== 'failed' || told.failed.length >= MAX_FAILED) return told
  return { ...told, failed: [...told.failed, `${event.path}: ${event.message}`] }
}

const NOTHING_TOLD: Told = { total: 0, done: 0, failed: [] }
const MAX_FAILED = 5
