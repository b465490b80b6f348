import { Button, FileButton, Group, Paper, Text } from '@mantine/core'
import { type DragEvent, type ReactNode, useRef, useState } from 'react'
import { useTexts } from '../texts/texts.ts'
import { filesOfDrop, filesOfInput } from './dropped-files.ts'
import type { ChosenFile } from './file-paths.ts'
import { UploadStrip } from './upload-strip.tsx'

/** A place to drop files and folders on, or to choose them; what is shown in it is dropped on as well. */
export function DropZone({
  mesh,
  onFiles,
  children,
}: {
  readonly mesh: string
  readonly onFiles: (files: readonly ChosenFile<File>[]) => void
  readonly children: ReactNode
}) {
  const { say } = useTexts()
  const [isOver, setOver] = useState(false)
  const folder = useRef<HTMLInputElement>(null)
  const take = (files: readonly ChosenFile<File>[]) => {
    if (files.length > 0) onFiles(files)
  }
  const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files')
  return (
    <Paper
      withBorder
      p="sm"
      data-testid="drop-zone"
      style={{
        borderStyle: 'dashed',
        borderColor: isOver ? 'var(--mantine-primary-color-filled)' : undefined,
      }}
      onDragOver={event => {
        if (!hasFiles(event)) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={event => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false)
      }}
      onDrop={event => {
        if (!hasFiles(event)) return
        event.preventDefault()
        setOver(false)
        void filesOfDrop(event.dataTransfer).then(take)
      }}
    >
      <Group mb="sm" gap="xs">
        <FileButton multiple onChange={files => take(files.map(file => ({ file, path: file.name })))}>
          {props => (
            <Button size="xs" variant="default" {...props}>
              {say('files.choose')}
            </Button>
          )}
        </FileButton>
        <Button size="xs" variant="default" onClick={() => folder.current?.click()}>
          {say('files.chooseFolder')}
        </Button>
        <input
          ref={element => {
            folder.current = element
            // React knows no such attribute by its type.
            element?.setAttribute('webkitdirectory', '')
          }}
          type="file"
          hidden
          aria-hidden
          onChange={event => {
            if (event.currentTarget.files !== null) take(filesOfInput(event.currentTarget.files))
            event.currentTarget.value = ''
          }}
        />
        <Text size="sm">{say('files.dropHere')}</Text>
      </Group>
      <UploadStrip mesh={mesh} />
      {children}
    </Paper>
  )
}
