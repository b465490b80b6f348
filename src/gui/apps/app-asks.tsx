import { Badge, Checkbox, Group, Stack, Text } from '@mantine/core'
import type { InstallOffer } from '../../core/api/installed-api.ts'
import { Name, visibleName } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'
import { capabilityWords } from './app-words.ts'

type Asks = InstallOffer['asks']

/** What an installed app asks for, and whether it has it. */
export function GivenAsks({ asks }: { asks: Asks }) {
  const { say } = useTexts()
  if (asks.length === 0) return <Text size="sm">{say('app.asksNothing')}</Text>
  return (
    <ul style={{ margin: 0, paddingInlineStart: '1.2em' }}>
      {asks.map(line => (
        <li key={line.key} style={{ overflowWrap: 'anywhere' }}>
          <Name>{capabilityWords(line, say)}</Name>{' '}
          <StateBadge mood={line.isGranted ? 'well' : 'resting'}>
            {say(line.isGranted ? 'app.granted' : 'app.notAllowed')}
          </StateBadge>
        </li>
      ))}
    </ul>
  )
}

/** What an app asks for, each to be allowed or not. */
export function ChosenAsks({
  asks,
  isUpdate,
  chosen,
  onChange,
}: {
  asks: Asks
  isUpdate: boolean
  chosen: readonly string[]
  onChange: (keys: string[]) => void
}) {
  const { say } = useTexts()
  if (asks.length === 0) return <Text size="sm">{say('app.asksNothing')}</Text>
  return (
    <Checkbox.Group label={say('app.asks')} value={[...chosen]} onChange={onChange}>
      <Stack gap={6} mt={4}>
        {asks.map(line => (
          <Checkbox
            key={line.key}
            value={line.key}
            label={
              <Group gap={6}>
                <span style={{ overflowWrap: 'anywhere' }}>{visibleName(capabilityWords(line, say))}</span>
                {isUpdate && !line.isGranted && (
                  <StateBadge mood="waiting">{say('app.updateNew')}</StateBadge>
                )}
                {line.isSensitive && (
                  <Badge variant="outline" color="red.9" tt="none">
                    {say('app.sensitive')}
                  </Badge>
                )}
              </Group>
            }
          />
        ))}
      </Stack>
    </Checkbox.Group>
  )
}
