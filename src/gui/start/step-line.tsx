import { Group, Loader, Text } from '@mantine/core'
import type { UseMutationResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Failure } from '../parts/failure.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'

/** A step of something longer: what it does, whether it is done, and what to do if not. */
export function StepLine({
  title,
  step,
  onRetry,
  children,
}: {
  title: string
  step: Pick<UseMutationResult<unknown>, 'status' | 'error'>
  onRetry: () => void
  children: ReactNode
}) {
  const { say } = useTexts()
  const { status, error } = step
  return (
    <li style={{ padding: '4px 0' }}>
      <Group gap="xs">
        <Text {...(status === 'idle' && { c: 'dimmed' })}>{title}</Text>
        {status === 'pending' && <Loader size="xs" role="status" aria-label={say('start.busy')} />}
        {status === 'success' && <StateBadge mood="well">{say('start.done')}</StateBadge>}
      </Group>
      {error !== null && <Failure error={error} onRetry={onRetry} />}
      {status === 'success' && (
        <Text component="div" size="sm">
          {children}
        </Text>
      )}
    </li>
  )
}
