import { Group, Stack, Text, Title, Tooltip } from '@mantine/core'
import { formatBytes } from '../parts/amounts.ts'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'

/** Bytes as bars; each says what it is to who points at it, and to who hears the page. */
export function UsageBars({
  label,
  bars,
  isLying = false,
}: {
  label: string
  bars: readonly { readonly name: string; readonly bytes: number }[]
  /** One below the other, with their names beside them. */
  isLying?: boolean
}) {
  const { language } = useTexts()
  const most = Math.max(1, ...bars.map(({ bytes }) => bytes))
  const shown = bars.map(({ name, bytes }) => ({
    name: visibleName(name),
    size: `${Math.max(bytes === 0 ? 0 : 2, (bytes / most) * 100)}%`,
    amount: formatBytes(bytes, language),
  }))
  const said = shown.map(({ name, amount }) => `${name}: ${amount}`).join(', ')
  return (
    <Stack gap={4}>
      <Title order={2} size="h5">
        {label}
      </Title>
      {isLying ? (
        shown.map(({ name, size, amount }) => (
          <Group key={name} gap="xs" wrap="nowrap">
            <Text size="sm" w={140} truncate="end">
              <bdi>{name}</bdi>
            </Text>
            <div style={{ flex: 1 }}>
              <div style={{ width: size, height: 14, background: COLOR }} />
            </div>
            <Text size="sm" w={84} ta="right">
              {amount}
            </Text>
          </Group>
        ))
      ) : (
        <Group
          role="img"
          aria-label={`${label}: ${said}`}
          gap={2}
          wrap="nowrap"
          align="end"
          h={120}
          style={{ borderBottom: '1px solid var(--mantine-color-dimmed)' }}
        >
          {shown.map(({ name, size, amount }) => (
            <Tooltip key={name} label={`${name}: ${amount}`}>
              <div style={{ flex: 1, height: '100%', display: 'flex', alignItems: 'end' }}>
                <div style={{ width: '100%', height: size, background: COLOR }} />
              </div>
            </Tooltip>
          ))}
        </Group>
      )}
    </Stack>
  )
}

const COLOR = 'var(--mantine-primary-color-filled)'
