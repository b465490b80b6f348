import { Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { filterOfSearch } from '../../core/edge/role-filter.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'
import type { Collection } from './collection.ts'
import { EntityActions } from './entity-actions.tsx'
import { useColumns } from './entity-cells.tsx'

/**
 * A list of entities, a page at a time, as there may be 20,000: those that fit a search, or those that belong to another.
 *
 * @param label  what the list is called
 */
export function EntityList({
  mesh,
  collection,
  label,
  path,
  filter,
  isSearched = false,
  hasActions = true,
}: {
  mesh: string
  collection: Collection
  label: string
  /** Their list, below the management API; that of the kind itself if left out. */
  path?: string | undefined
  filter?: string | undefined
  isSearched?: boolean
  hasActions?: boolean
}) {
  const { say } = useTexts()
  const [search, setSearch] = useState('')
  const [asked] = useDebouncedValue(search, SEARCH_DELAY_MS)
  const [offset, setOffset] = useState(0)
  const columns = useColumns(mesh, collection)
  const { isNameless, searched, kind } = collection
  const query = useQuery(
    EDGE_QUERIES.page(
      mesh,
      kind,
      {
        filter: isSearched ? filterOfSearch(asked, searched) : filter,
        sort: isNameless === true ? undefined : 'name',
        limit: PAGE_COUNT,
        offset,
      },
      path,
    ),
  )
  const actions = {
    title: '',
    cell: (entity: Parameters<typeof EntityActions>[0]['entity']) => (
      <EntityActions mesh={mesh} collection={collection} entity={entity} />
    ),
  }
  return (
    <Stack gap="xs">
      {isSearched && (
        <TextInput
          label={say('action.search')}
          value={search}
          onChange={event => {
            setSearch(event.currentTarget.value)
            setOffset(0)
          }}
          type="search"
          maw={320}
        />
      )}
      <Loaded query={query}>
        {({ entities, totalCount }) => (
          <>
            <Listing
              label={label}
              rows={entities}
              keyOf={({ id }) => id}
              empty={say('edge.none')}
              columns={hasActions ? [...columns, actions] : columns}
            />
            <Pages label={label} shown={entities.length} {...{ offset, totalCount, setOffset }} />
          </>
        )}
      </Loaded>
    </Stack>
  )
}

function Pages({
  label,
  shown,
  offset,
  totalCount,
  setOffset,
}: {
  label: string
  shown: number
  offset: number
  totalCount: number
  setOffset: (offset: number) => void
}) {
  const { say } = useTexts()
  if (totalCount === 0 && offset === 0) return null
  const isWhole = offset === 0 && shown === totalCount
  return (
    <Group gap="xs" role="group" aria-label={say('edge.page', { title: label })}>
      <Text size="sm">
        {say('edge.count', { from: Math.min(offset + 1, totalCount), to: offset + shown, total: totalCount })}
      </Text>
      {!isWhole && (
        <>
          <Button
            size="compact-xs"
            variant="default"
            disabled={offset === 0}
            onClick={() => setOffset(Math.max(0, offset - PAGE_COUNT))}
          >
            {say('edge.previous')}
          </Button>
          <Button
            size="compact-xs"
            variant="default"
            disabled={offset + shown >= totalCount}
            onClick={() => setOffset(offset + PAGE_COUNT)}
          >
            {say('edge.next')}
          </Button>
        </>
      )}
    </Group>
  )
}

/** Rows of a page. */
export const PAGE_COUNT = 25
const SEARCH_DELAY_MS = 200
