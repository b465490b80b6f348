import type { InstalledInfo } from '../../core/api/installed-api.ts'
import { type Mood, StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'

/** How an installed app is. */
export function AppState({ app: { state, error } }: { app: Pick<InstalledInfo, 'state' | 'error'> }) {
  const { say } = useTexts()
  return (
    <StateBadge mood={MOODS[state]} title={error}>
      {say(`app.state.${state}`)}
    </StateBadge>
  )
}

const MOODS: Readonly<Record<InstalledInfo['state'], Mood>> = {
  running: 'well',
  starting: 'waiting',
  waiting: 'ill',
  failed: 'ill',
  stopped: 'resting',
  disabled: 'resting',
}
