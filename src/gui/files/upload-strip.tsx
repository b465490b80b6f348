import { Button, Group, Progress, Stack, Text } from '@mantine/core'
import { useSyncExternalStore } from 'react'
import { formatBytes } from '../parts/amounts.ts'
import { Failure } from '../parts/failure.tsx'
import { Name } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { UPLOADS } from './upload-queue.ts'

/** The uploads of this page where they were begun: how far they are together, and which failed, and why. */
export function UploadStrip({ mesh }: { mesh: string }) {
  const { say, language } = useTexts()
  const all = useSyncExternalStore(UPLOADS.subscribe, UPLOADS.snapshot).filter(one => one.mesh === mesh)
  const moving = all.filter(({ state }) => state === 'running' || state === 'waiting')
  const failed = all.flatMap(({ key, name, error }) => (error === undefined ? [] : [{ key, name, error }]))
  const [done, total] = moving.reduce(
    ([sum, whole], { doneBytes, totalBytes }) => [sum + doneBytes, whole + totalBytes],
    [0, 0],
  )
  if (moving.length + failed.length === 0) return null
  return (
    <Stack gap="xs" mb="sm">
      {moving.length > 0 && (
        <>
          <Progress value={total === 0 ? 100 : (done * 100) / total} aria-label={say('files.progress')} />
          <Text size="xs">
            {say('files.chosen', {
              count: moving.length,
              size: `${formatBytes(done, language)} / ${formatBytes(total, language)}`,
            })}
          </Text>
        </>
      )}
      {failed.length > MAX_FAILED && (
        <Group gap="xs">
          <Text size="sm">{say('files.failedCount', { count: failed.length })}</Text>
          <Button size="compact-xs" variant="default" onClick={() => UPLOADS.retryAll(mesh)}>
            {say('files.retryAll')}
          </Button>
        </Group>
      )}
      {failed.slice(-MAX_FAILED).map(({ key, name, error }) => (
        <Group key={key} gap="xs" wrap="nowrap" align="start">
          <Text size="sm">
            <Name>{name}</Name>
          </Text>
          <Failure error={error} onRetry={() => UPLOADS.retry(key)} />
        </Group>
      ))}
    </Stack>
  )
}

const MAX_FAILED = 3
