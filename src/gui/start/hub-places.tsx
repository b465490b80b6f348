import { Group, Text } from '@mantine/core'
import type { HubPlace } from '../../core/api/own-hub-api.ts'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'

/** Where a hub answers, for whom, and what to do about the rest. */
export function HubPlaces({ places }: { places: readonly HubPlace[] }) {
  const { say } = useTexts()
  const isOutside = places.some(
    ({ reach, isAnswering }) => isAnswering && reach !== 'network' && reach !== 'computer',
  )
  return (
    <>
      <ul aria-label={say('start.step.reach')} style={{ listStyle: 'none', padding: 0, margin: 0 }}>
        {places.map(({ name, reach, isAnswering, error }) => (
          <li key={name}>
            <Group gap="xs">
              <Name>{name}</Name>
              <StateBadge mood={isAnswering ? 'well' : 'ill'}>
                {say(isAnswering ? 'start.answers' : 'start.silent')}
              </StateBadge>
              <Text size="sm">{isAnswering ? say(`start.reach.${reach}`) : error}</Text>
            </Group>
          </li>
        ))}
      </ul>
      <Text size="sm" mt="xs">
        {say(isOutside ? 'start.outside' : 'start.inside')}
      </Text>
    </>
  )
}
