import { Button, Stack } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'

/** What is around the fields of an end of a tunnel: the equal command, why it was refused, the button. */
export function Editing({
  change,
  command,
  isReady = true,
  children,
}: {
  change: ReturnType<typeof useChange>
  command: string
  isReady?: boolean
  children: ReactNode
}) {
  const { say } = useTexts()
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        if (isReady && !change.isPending) change.mutate()
      }}
    >
      <Stack>
        {children}
        <EqualCommand>{command}</EqualCommand>
        {change.error !== null && <Failure error={change.error} />}
        <Button type="submit" loading={change.isPending} disabled={!isReady}>
          {say('action.save')}
        </Button>
      </Stack>
    </form>
  )
}

/** Save what a form says. */
export function useChange(onDone: () => void, run: () => Promise<unknown>) {
  const queries = useQueryClient()
  return useMutation({
    // Typed words are read in it, so that what is wrong with them is shown in place.
    mutationFn: async () => run(),
    async onSuccess() {
      await queries.invalidateQueries()
      onDone()
    },
  })
}
