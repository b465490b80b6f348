import { SimpleGrid } from '@mantine/core'
import type { Traffic } from '../../core/api/network-api.ts'
import { formatBytes } from '../parts/amounts.ts'
import { useTexts } from '../texts/texts.ts'
import { Graph } from './graph.tsx'
import { mean } from './graph-shape.ts'

/** An hour of traffic, and of latency where any is known. */
export function TrafficGraphs({
  title,
  traffic: { sentBytes, receivedBytes, roundTripMs },
  stepMs,
  endsAtMs,
}: {
  title: string
  traffic: Traffic
  stepMs: number
  endsAtMs: number
}) {
  const { say, language } = useTexts()
  const perSecond = (value: number) => `${formatBytes((value * 1_000) / stepMs, language)}/s`
  const rate = (known: number[]) => mean(known) ?? 0
  const span = { stepMs, endsAtMs, join: rate }
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Graph
        label={say('traffic.of', { title })}
        lines={[
          { name: say('traffic.sent'), steps: sentBytes, color: 'first' },
          { name: say('traffic.received'), steps: receivedBytes, color: 'second' },
        ]}
        format={perSecond}
        {...span}
      />
      {roundTripMs.some(step => step !== null) && (
        <Graph
          label={say('traffic.latency', { title })}
          lines={[{ name: say('hub.roundTrip'), steps: roundTripMs, color: 'first' }]}
          format={value => `${value.toFixed(value < 10 ? 1 : 0)} ms`}
          {...span}
        />
      )}
    </SimpleGrid>
  )
}
