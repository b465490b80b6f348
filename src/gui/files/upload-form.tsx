import { Alert, Button, Checkbox, Group, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { FILES_API } from '../../apps/files/messages.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import type { CopyPlaceName } from '../../core/files/copy-request.ts'
import { call } from '../api/call.ts'
import { appPrefix, FILES_QUERIES, jobEnded } from '../api/files-queries.ts'
import { formatBytes } from '../parts/amounts.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { AccessFields, type AccessWish, accessWords, NOBODY, toAccess } from './access-fields.tsx'
import { type ChosenFile, formatDiskPlace, joinDisk, topNames } from './file-paths.ts'
import { UPLOADS, type UploadOrder } from './upload-queue.ts'

interface FormProps {
  readonly mesh: string
  readonly here: MeshInfo['endpoint']
  readonly files: readonly ChosenFile<File>[]
  /** The folder that was looked at; absent to publish them in the mesh. */
  readonly folder?: CopyPlaceName | undefined
  readonly onDone: () => void
}

/** What becomes of files that were dropped or chosen: put into a folder of a disk, or published in the mesh. */
export function UploadForm({ mesh, here, files, folder, onDone }: FormProps) {
  const { say, language } = useTexts()
  const [place, setPlace] = useState('')
  const [access, setAccess] = useState<AccessWish>(NOBODY)
  const [tags, setTags] = useState<string[]>([])
  const [mayReplace, setMayReplace] = useState(false)
  const start = useStart({ mesh, here, files, folder, onDone })
  const tops = topNames(files)
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0)
  const prefix = place.replace(/^\/+|\/+$/g, '')
  const commands = tops.map(top =>
    folder === undefined
      ? formatCommand('ztm', 'file', 'publish', top, '--as', inPlace(prefix, top), ...accessWords(access))
      : formatCommand('ztm', 'file', 'cp', top, formatDiskPlace({ ...folder, path: `${folder.path}/` })),
  )
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        start.mutate({ prefix, access, tags, mayReplace })
      }}
    >
      <Stack>
        <Text>
          {say('files.chosen', { count: files.length, size: formatBytes(bytes, language) })}:{' '}
          <bdi>{tops.slice(0, SHOWN_NAMES).map(visibleName).join(', ')}</bdi>
          {tops.length > SHOWN_NAMES && ' …'}
        </Text>
        {folder === undefined ? (
          <>
            <TextInput
              label={say('files.prefix')}
              description={say('files.prefixHelp')}
              value={place}
              onChange={event => setPlace(event.currentTarget.value)}
              placeholder="docs/2026"
            />
            <AccessFields mesh={mesh} value={access} onChange={setAccess} />
            <TagsInput label={say('files.tags')} value={tags} onChange={setTags} />
          </>
        ) : (
          <Text size="sm">
            {say('files.into')} <bdi>{visibleName(formatDiskPlace(folder))}</bdi>
          </Text>
        )}
        <Checkbox
          label={say('files.replace')}
          checked={mayReplace}
          onChange={event => setMayReplace(event.currentTarget.checked)}
        />
        <Alert color="gray">{say('files.stayOpen')}</Alert>
        <EqualCommand>{commands.slice(0, SHOWN_NAMES).join('\n')}</EqualCommand>
        {start.error !== null && <Failure error={start.error} />}
        <Group>
          <Button type="submit" data-autofocus loading={start.isPending}>
            {say('files.upload')}
          </Button>
          <Button variant="default" onClick={onDone}>
            {say('action.cancel')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

interface Wish {
  readonly prefix: string
  readonly access: AccessWish
  readonly tags: readonly string[]
  readonly mayReplace: boolean
}

/** Begin; what is to be published goes to this computer's folder for files first, and is published when it is whole. */
function useStart({ mesh, here, files, folder, onDone }: FormProps) {
  const queries = useQueryClient()
  const config = useQuery({ ...FILES_QUERIES.config(mesh, here.id), enabled: folder === undefined })
  return useMutation({
    async mutationFn({ prefix, access, tags, mayReplace }: Wish) {
      if (folder !== undefined) {
        UPLOADS.add(
          files.map(({ file, path }): UploadOrder => ({ mesh, at: folder, name: path, file, mayReplace })),
        )
        return
      }
      const { folder: own } = config.data ?? (await queries.fetchQuery(FILES_QUERIES.config(mesh, here.id)))
      for (const top of topNames(files)) {
        const some = files.filter(({ path }) => path === top || path.startsWith(`${top}/`))
        const below = (path: string) => ['users', here.user, inPlace(prefix, path)].join('/')
        const orders = some.map(({ file, path }) => ({
          mesh,
          at: { path: own },
          name: below(path),
          file,
          mayReplace,
        }))
        const source = below(top).split('/').reduce(joinDisk, own)
        const body = {
          source,
          name: inPlace(prefix, top),
          access: toAccess(access),
          tags: [...tags] as never,
        }
        UPLOADS.add(orders, async () => {
          const options = { prefix: appPrefix(mesh, 'files') }
          const { id } = await call(FILES_API.publish, { params: { endpoint: here.id }, body }, options)
          await jobEnded(mesh, here.id, id)
          await queries.invalidateQueries({ queryKey: ['files', mesh] })
        })
      }
    },
    onSuccess: onDone,
  })
}

function inPlace(prefix: string, path: string): string {
  return prefix === '' ? path : `${prefix}/${path}`
}

const SHOWN_NAMES = 5
