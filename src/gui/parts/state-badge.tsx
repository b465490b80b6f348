import { Badge } from '@mantine/core'
import { visibleName } from '../texts/visible-name.ts'

/** How a thing is: well, on its way, resting, or not well. */
export type Mood = 'well' | 'waiting' | 'resting' | 'ill'

/** A state as a word on a colour; the word says it all, the colour helps to find it. */
export function StateBadge({
  mood,
  children,
  title,
}: {
  mood: Mood
  children: string
  title?: string | undefined
}) {
  return (
    <Badge color={COLORS[mood]} variant="filled" tt="none" title={title && visibleName(title)}>
      {visibleName(children)}
    </Badge>
  )
}

/** Dark enough for white letters: 7:1 and more. */
const COLORS: Readonly<Record<Mood, string>> = {
  well: '#14532d',
  waiting: '#713f12',
  resting: '#3f4650',
  ill: '#7f1d1d',
}
