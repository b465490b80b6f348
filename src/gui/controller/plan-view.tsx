import { Group, Stack, Text } from '@mantine/core'
import { EDGE_KINDS } from '../../core/edge/edge-kinds.ts'
import { SECTION_KINDS } from '../../core/edge/network-entities.ts'
import type { NetworkPlan, PlanStep } from '../../core/edge/network-plan.ts'
import { Name } from '../parts/name.tsx'
import { type Mood, StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'

/** What a plan would do: each entity that is made, changed or deleted, with what is before and after. */
export function PlanView({ plan: { steps, keptCount } }: { plan: NetworkPlan }) {
  const { say } = useTexts()
  const count = (what: PlanStep['do']) => steps.filter(step => step.do === what).length
  const summary =
    steps.length === 0
      ? say('declared.nothing', { count: keptCount })
      : say('declared.summary', {
          created: count('create'),
          changed: count('update'),
          deleted: count('delete'),
          kept: keptCount,
        })
  return (
    <Stack gap="xs" role="group" aria-label={say('declared.compare')}>
      <Text fw={600}>{summary}</Text>
      {steps.slice(0, MAX_SHOWN).map(step => (
        <div key={`${step.section} ${step.name}`}>
          <Group gap="xs">
            <StateBadge mood={MOODS[step.do]}>{say(`declared.${step.do}`)}</StateBadge>
            <Text span size="sm">
              {EDGE_KINDS[SECTION_KINDS[step.section]].words[0]}
            </Text>
            <Text span size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
              <Name>{step.name}</Name>
            </Text>
          </Group>
          {step.do !== 'delete' &&
            step.fields.map(({ field, before, after }) => (
              <Text key={field} size="sm" ml="md" style={{ overflowWrap: 'anywhere' }}>
                {field}: {before !== undefined && <del>{write(before)}</del>} <ins>{write(after)}</ins>
              </Text>
            ))}
        </div>
      ))}
      {steps.length > MAX_SHOWN && <Text>… {steps.length - MAX_SHOWN}</Text>}
    </Stack>
  )
}

function write(value: unknown) {
  if (value === null || value === undefined) return '–'
  if (Array.isArray(value) && value.every(each => typeof each === 'string'))
    return <Name>{value.length === 0 ? '–' : value.join(', ')}</Name>
  return <Name>{typeof value === 'string' ? value : JSON.stringify(value)}</Name>
}

const MOODS: Readonly<Record<PlanStep['do'], Mood>> = { create: 'well', update: 'waiting', delete: 'ill' }
/** More are counted, and applied, but not drawn. */
const MAX_SHOWN = 300
