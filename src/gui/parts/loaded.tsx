import { Anchor, Code, Skeleton, Stack, Text } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { toMeshError } from '../../core/model/errors.ts'
import { useTexts } from '../texts/texts.ts'
import { Failure } from './failure.tsx'

/** What is shown of an answer: nothing yet, why it failed, or the answer; the last one stays while a new one fails. */
export function Loaded<T>({
  query,
  children,
}: {
  query: UseQueryResult<T>
  children: (data: T) => ReactNode
}) {
  const { data, error, refetch } = query
  if (data === undefined && error === null) {
    return (
      <Stack gap="xs" aria-busy="true">
        <Skeleton height={18} />
        <Skeleton height={18} />
        <Skeleton height={18} width="60%" />
      </Stack>
    )
  }
  return (
    <>
      {error !== null && <Failure error={error} onRetry={() => void refetch()} />}
      {data !== undefined && children(data)}
    </>
  )
}

/** Why an answer that stands beside others is not there; nothing where it is. */
export function Unanswered({ query }: { query: Pick<UseQueryResult, 'error' | 'refetch'> }) {
  if (query.error === null) return null
  return <Failure error={query.error} onRetry={() => void query.refetch()} />
}

/** Beside a field: what it would offer could not be asked for, so that a list that is empty is not taken for one of nothing. */
export function Missing({ query, also }: { query: Asking; also?: Asking }) {
  const { say } = useTexts()
  const error = query.error ?? (also === undefined ? null : also.error)
  if (error === null) return null
  const again = () => {
    for (const one of [query, also]) if (one?.error) void one.refetch()
  }
  return (
    <Text size="xs" c="dimmed" role="status">
      {say('failure.missing')} <Code>{toMeshError(error).code}</Code>{' '}
      <Anchor component="button" type="button" size="xs" onClick={again}>
        {say('action.retry')}
      </Anchor>
    </Text>
  )
}

type Asking = Pick<UseQueryResult, 'error' | 'refetch'>
