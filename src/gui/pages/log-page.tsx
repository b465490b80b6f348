import { Code, Group, SegmentedControl, Select, Stack, Switch, Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import type { LogLines } from '../../core/api/shapes.ts'
import { LOG_LEVELS, type LogSource, NETWORK_QUERIES } from '../api/network-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { EndpointChoice } from '../network/endpoint-choice.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'

/** The last lines of a log, of this agent, another endpoint or a hub, as they come; of some level and with some words alone. */
export function LogPage() {
  const { say, language } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const [of, setOf] = useState<LogSource['of']>('agent')
  const [endpoint, setEndpoint] = useState('')
  const [hub, setHub] = useState<string | null>(null)
  const [level, setLevel] = useState<(typeof LOG_LEVELS)[number]>('info')
  const [words, setWords] = useState('')
  const [isFollowed, setFollowed] = useState(true)
  const hubs = useQuery({ ...QUERIES.hubs(mesh), enabled: of === 'hub' })
  const chosenHub = hub ?? hubs.data?.hubs[0]?.id ?? ''
  const name = of === 'endpoint' ? endpoint : of === 'hub' ? chosenHub : ''
  const query = useQuery({
    ...NETWORK_QUERIES.log(mesh, { of, name }, level),
    enabled: of === 'agent' || name !== '',
    refetchInterval: isFollowed ? FOLLOW_MS : false,
  })
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'medium' })
  const textOf = ({ timeMs, level: its, event, fields }: LogLines[number]) =>
    `${time.format(timeMs)} ${its} ${event} ${fieldsOf(fields)}`
  return (
    <Stack>
      <Title order={1}>{say('log.title')}</Title>
      <Group align="end">
        <SegmentedControl
          aria-label={say('log.of')}
          value={of}
          onChange={value => setOf(value as LogSource['of'])}
          data={(['agent', 'endpoint', 'hub'] as const).map(value => ({
            value,
            label: say(`log.of.${value}`),
          }))}
        />
        {of === 'endpoint' && (
          <EndpointChoice mesh={mesh} label={say('endpoint.name')} value={endpoint} onChange={setEndpoint} />
        )}
        {of === 'hub' && (
          <Select
            label={say('mesh.hub')}
            data={(hubs.data?.hubs ?? []).map(({ id, names }) => ({ value: id, label: names[0] ?? id }))}
            value={chosenHub}
            onChange={setHub}
            allowDeselect={false}
          />
        )}
        <Select
          label={say('log.level')}
          data={LOG_LEVELS.map(value => ({ value, label: value }))}
          value={level}
          onChange={value => setLevel((value ?? 'info') as (typeof LOG_LEVELS)[number])}
          allowDeselect={false}
          w={110}
        />
        <TextInput
          type="search"
          label={say('log.words')}
          value={words}
          maxLength={200}
          onChange={({ currentTarget }) => setWords(currentTarget.value)}
          style={{ flex: '1 1 160px' }}
        />
        <Switch
          label={say('log.follow')}
          checked={isFollowed}
          onChange={({ currentTarget }) => setFollowed(currentTarget.checked)}
        />
      </Group>
      {(of === 'agent' || name !== '') && (
        <Loaded query={query}>
          {({ lines }) => {
            const shown = lines
              .map(textOf)
              .filter(text => text.toLowerCase().includes(words.toLowerCase()))
              .reverse()
            return shown.length === 0 ? (
              <Text>{say(lines.length === 0 ? 'log.empty' : 'log.noneFits')}</Text>
            ) : (
              <section aria-label={say('log.title')}>
                {shown.slice(0, SHOWN).map((text, index) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: two lines may be the same
                  <Code key={index} block mb={2} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                    <Name>{text}</Name>
                  </Code>
                ))}
              </section>
            )
          }}
        </Loaded>
      )}
    </Stack>
  )
}

function fieldsOf(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}

const FOLLOW_MS = 1_000
/** Lines that are shown at once; the words find the others. */
const SHOWN = 300
