import { Button, Group, SegmentedControl, Stack, Text, TextInput, Title } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { GROUPINGS, type Grouping } from '../../core/api/network-api.ts'
import { type EndpointFilter, NETWORK_QUERIES } from '../api/network-queries.ts'
import { EndpointGroups } from '../network/endpoint-groups.tsx'
import type { EndpointSearch } from '../network/endpoint-search.ts'
import { EndpointTable } from '../network/endpoint-table.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'
import { visibleName } from '../texts/visible-name.ts'

/** The endpoints of a mesh, however many: searched, filtered and counted by the controller, shown as far as can be seen. */
export function EndpointsPage() {
  const { say, language } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const { by, ...filter } = useSearch({ from: '/$mesh/endpoints' })
  const navigate = useNavigate({ from: '/$mesh/endpoints' })
  const show = (search: EndpointSearch) => void navigate({ search, replace: true })
  const counts = useQuery({
    ...NETWORK_QUERIES.endpointCounts(mesh, filter, by ?? 'state'),
    placeholderData: last => last,
  })
  const number = new Intl.NumberFormat(language)
  return (
    <Stack>
      <Title order={1}>{say('endpoints.title')}</Title>
      <Group align="end">
        <Search value={filter.keyword ?? ''} onChange={keyword => show({ ...filter, by, keyword })} />
        <div>
          <Text size="sm" id="endpoints-by">
            {say('endpoints.by')}
          </Text>
          <SegmentedControl
            aria-labelledby="endpoints-by"
            value={by ?? 'none'}
            onChange={value => show({ ...filter, by: value === 'none' ? undefined : (value as Grouping) })}
            data={['none' as const, ...GROUPINGS].map(value => ({
              value,
              label: say(`endpoints.by.${value}`),
            }))}
          />
        </div>
      </Group>
      <Chosen filter={filter} onRemove={name => show({ ...filter, by, [name]: undefined })} />
      <Loaded query={counts}>
        {({ groups, total, onlineCount }) => (
          <>
            <Text size="sm" aria-live="polite">
              {say('endpoints.count', { count: number.format(total), online: number.format(onlineCount) })}
            </Text>
            {total === 0 ? (
              <Text c="dimmed">{say('endpoint.none')}</Text>
            ) : by === undefined ? (
              <EndpointTable key={JSON.stringify(filter)} mesh={mesh} filter={filter} count={total} />
            ) : (
              <EndpointGroups mesh={mesh} by={by} filter={filter} groups={groups} />
            )}
          </>
        )}
      </Loaded>
    </Stack>
  )
}

function Search({ value, onChange }: { value: string; onChange: (keyword: string | undefined) => void }) {
  const { say } = useTexts()
  const [typed, setTyped] = useState(value)
  const change = useDebouncedCallback((text: string) => onChange(text || undefined), 100)
  return (
    <TextInput
      type="search"
      label={say('action.search')}
      value={typed}
      maxLength={64}
      onChange={({ currentTarget }) => {
        setTyped(currentTarget.value)
        change(currentTarget.value)
      }}
      style={{ flex: '1 1 220px' }}
    />
  )
}

/** What the endpoints are chosen by, each to be taken away. */
function Chosen({ filter, onRemove }: { filter: EndpointFilter; onRemove: (name: Grouping) => void }) {
  const { say } = useTexts()
  const chosen = GROUPINGS.flatMap(name => {
    const value = filter[name]
    return value === undefined ? [] : [{ name, value }]
  })
  if (chosen.length === 0) return null
  return (
    <Group gap="xs">
      {chosen.map(({ name, value }) => {
        const shown =
          name === 'state'
            ? say(value === 'online' ? 'state.online' : 'state.offline')
            : value === ''
              ? say('endpoints.unlabelled')
              : visibleName(value)
        const text = `${say(`endpoints.by.${name}`)}: ${shown}`
        return (
          <Button
            key={name}
            size="compact-sm"
            variant="default"
            rightSection="✕"
            aria-label={say('endpoints.remove', { filter: text })}
            onClick={() => onRemove(name)}
          >
            <bdi>{text}</bdi>
          </Button>
        )
      })}
    </Group>
  )
}
