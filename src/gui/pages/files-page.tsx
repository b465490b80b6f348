import { Badge, Stack, Tabs, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect } from 'react'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import { QUERIES } from '../api/queries.ts'
import { type FilesAddress, parseFilesAddress } from '../files/files-search.ts'
import { FolderBrowser } from '../files/folder-browser.tsx'
import { GrantsSection } from '../files/grants-section.tsx'
import { MirrorsSection } from '../files/mirrors-section.tsx'
import { SharedFiles } from '../files/shared-files.tsx'
import { TransfersSection, useMovingCount } from '../files/transfers-section.tsx'
import { UPLOADS } from '../files/upload-queue.ts'
import { Loaded } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'

/** The files of a mesh: what is published, the disks of endpoints, mirrors, and all that is under way. */
export function FilesPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const status = useQuery(QUERIES.status())
  useEffect(() => {
    // What comes from this page is cut when it is closed, though it can go on later.
    const ask = (event: BeforeUnloadEvent) => {
      if (UPLOADS.isBusy) event.preventDefault()
    }
    addEventListener('beforeunload', ask)
    return () => removeEventListener('beforeunload', ask)
  }, [])
  return (
    <Stack>
      <Title order={1}>{say('files.title')}</Title>
      <Loaded query={status}>
        {({ meshes }) => {
          const here = meshes.find(({ name }) => name === mesh)?.endpoint
          return here === undefined ? null : <Parts mesh={mesh} here={here} />
        }}
      </Loaded>
    </Stack>
  )
}

function Parts({ mesh, here }: { mesh: string; here: MeshInfo['endpoint'] }) {
  const { say } = useTexts()
  const { part = 'mesh', path, endpoint = here.id } = parseFilesAddress(useSearch({ strict: false }))
  const navigate = useNavigate()
  const count = useMovingCount(mesh, here.id)
  const go = (search: FilesAddress) => void navigate({ to: '/$mesh/files', params: { mesh }, search })
  const showTransfers = () => go({ part: 'transfers' })
  return (
    <Tabs
      value={part}
      onChange={value => go(value === 'mesh' ? {} : { part: value as NonNullable<FilesAddress['part']> })}
      keepMounted={false}
    >
      <Tabs.List mb="md">
        <Tabs.Tab value="mesh">{say('files.inMesh')}</Tabs.Tab>
        <Tabs.Tab value="disks">{say('files.disks')}</Tabs.Tab>
        <Tabs.Tab value="mirrors">{say('mirror.title')}</Tabs.Tab>
        <Tabs.Tab value="transfers" rightSection={count > 0 && <Badge circle>{count}</Badge>}>
          {say('files.transfers')}
        </Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="mesh">
        <SharedFiles
          mesh={mesh}
          here={here}
          path={path ?? '/'}
          onGo={to => go({ path: to })}
          onStarted={showTransfers}
        />
      </Tabs.Panel>
      <Tabs.Panel value="disks">
        <FolderBrowser
          mesh={mesh}
          here={here}
          endpoint={endpoint}
          path={path ?? '~'}
          onGo={to => go({ part: 'disks', endpoint, path: path ?? '~', ...to })}
          onStarted={showTransfers}
        />
      </Tabs.Panel>
      <Tabs.Panel value="mirrors">
        <Stack>
          <MirrorsSection mesh={mesh} here={here} />
          <GrantsSection mesh={mesh} here={here} />
        </Stack>
      </Tabs.Panel>
      <Tabs.Panel value="transfers">
        <TransfersSection mesh={mesh} here={here} />
      </Tabs.Panel>
    </Tabs>
  )
}
