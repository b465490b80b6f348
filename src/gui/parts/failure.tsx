import { Alert, Button, Code, Text } from '@mantine/core'
import { toMeshError } from '../../core/model/errors.ts'
import { useTexts } from '../texts/texts.ts'
import { Name } from './name.tsx'

/** What went wrong, where it went wrong: the code, what it means, what was said, and a way to try again. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { say } = useTexts()
  const { code, message, kind } = toMeshError(error)
  return (
    <Alert color="red" title={say('failure.title')} role="alert" my="sm">
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        <Name>{message}</Name>
      </Text>
      <Text size="xs" mt={4}>
        <Code>{code}</Code> {kind.means}
      </Text>
      {onRetry && (
        <Button size="xs" mt="xs" variant="default" onClick={onRetry}>
          {say('action.retry')}
        </Button>
      )}
    </Alert>
  )
}
