import { Button, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type ContentName, saveContent } from '../api/files-queries.ts'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'

/** Have the browser save a whole folder as one archive. */
export function SaveArchive({ mesh, content }: { mesh: string; content: ContentName }) {
  const { say } = useTexts()
  const save = useMutation({ mutationFn: () => saveContent(mesh, content) })
  return (
    <>
      <Button size="xs" variant="default" loading={save.isPending} onClick={() => save.mutate()}>
        {say('files.saveFolder')}
      </Button>
      <Saving save={save} />
    </>
  )
}

/** How it goes with something that is to be saved: of a large folder all is looked at before it begins. */
export function Saving({ save }: { save: { readonly isPending: boolean; readonly error: Error | null } }) {
  const { say } = useTexts()
  if (save.error !== null) return <Failure error={save.error} />
  return (
    <Text size="sm" role="status">
      {save.isPending ? say('files.preparing') : ''}
    </Text>
  )
}
