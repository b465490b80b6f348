import { Button, FileButton, Group, Paper, Text } from '@mantine/core'
import { type DragEvent, type ReactNode, useRef, useState } from 'react'
import { useTexts } from '../texts/texts.ts'
import { type Dropped, filesOfDrop, filesOfInput, MAX_FILES } from './dropped-files.ts'
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
  const [dropped, setDropped] = useState<Dropped | 'reading'>()
  const reset = useRef<() => void>(null)
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
        setDropped('reading')
        void filesOfDrop(event.dataTransfer).then(found => {
          setDropped(found)
          take(found.files)
        })
      }}
    >
      <Group mb="sm" gap="xs">
        <FileButton
          multiple
          resetRef={reset}
          onChange={files => {
            take(files.map(file => ({ file, path: file.name })))
            // Browsers tell nothing of the same file chosen once more, as one does after a failure.
            reset.current?.()
          }}
        >
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
      <DropNote dropped={dropped} />
      <UploadStrip mesh={mesh} />
      {children}
    </Paper>
  )
}

/** What of a drop is not taken, and that a large one is still looked at. */
function DropNote({ dropped }: { dropped: Dropped | 'reading' | undefined }) {
  const { say } = useTexts()
  const notes =
    dropped === undefined
      ? []
      : dropped === 'reading'
        ? [say('files.reading')]
        : [
            ...(dropped.isCut ? [say('files.tooMany', { count: MAX_FILES })] : []),
            ...(dropped.unreadCount > 0 ? [say('files.unread', { count: dropped.unreadCount })] : []),
          ]
  return (
    <Text size="sm" role="status">
      {notes.join(' ')}
    </Text>
  )
}
