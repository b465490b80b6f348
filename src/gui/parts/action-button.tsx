import { Button, Group, Popover, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTexts } from '../texts/texts.ts'
import { visibleName } from '../texts/visible-name.ts'
import { Failure } from './failure.tsx'

/**
 * A button that does something to the mesh. What cannot be taken back is asked for once more, beside the button; why it
 * failed is shown there, too.
 */
export function ActionButton({
  children,
  label,
  question,
  run,
}: {
  children: string
  /** With what it is done to, for who does not see where the button is. */
  label: string
  question?: string
  run: () => Promise<unknown>
}) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [isAsking, { open, close }] = useDisclosure()
  const action = useMutation({
    mutationFn: run,
    onSuccess: async () => {
      close()
      await queries.invalidateQueries()
    },
    onError: open,
  })
  return (
    <Popover opened={isAsking} onDismiss={close} trapFocus withArrow shadow="md" width={280} returnFocus>
      <Popover.Target>
        <Button
          size="compact-xs"
          variant="default"
          aria-label={visibleName(label)}
          loading={action.isPending}
          onClick={question === undefined ? () => action.mutate() : open}
        >
          {children}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={visibleName(label)}>
        <Stack gap="xs">
          {question !== undefined && <Text size="sm">{question}</Text>}
          {action.error !== null && <Failure error={action.error} />}
          <Group gap="xs">
            <Button
              size="compact-sm"
              color="red.9"
              loading={action.isPending}
              onClick={() => action.mutate()}
            >
              {action.error === null ? children : say('action.retry')}
            </Button>
            <Button size="compact-sm" variant="default" onClick={close}>
              {say('action.cancel')}
            </Button>
          </Group>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
