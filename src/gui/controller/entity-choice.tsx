import { MultiSelect, Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { quoteForFilter } from '../../core/edge/edge-client.ts'
import type { EdgeKind } from '../../core/edge/edge-kinds.ts'
import type { Entity } from '../../core/edge/entity-members.ts'
import { filterOfSearch } from '../../core/edge/role-filter.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { labelOf } from './entity-details.ts'

interface ChoiceProps {
  readonly mesh: string
  readonly kind: EdgeKind
  readonly label: string
  readonly isRequired?: boolean
  readonly isDisabled?: boolean
}

/** One entity of a kind, by id. The controller is asked for what fits, so there may be any number of them. */
export function EntityChoice({
  mesh,
  kind,
  label,
  isRequired = false,
  isDisabled = false,
  value,
  onChange,
}: ChoiceProps & { readonly value: string | null; readonly onChange: (id: string | null) => void }) {
  const [search, setSearch] = useState('')
  const { options, error } = useOptions(mesh, kind, { search, chosen: value === null ? [] : [value] })
  return (
    <Select
      label={label}
      data={options}
      value={value}
      onChange={onChange}
      searchable
      onSearchChange={setSearch}
      filter={({ options }) => options}
      clearable={!isRequired}
      required={isRequired}
      disabled={isDisabled}
      error={error}
      maxDropdownHeight={240}
    />
  )
}

/** Several entities of a kind, by their ids. */
export function EntitiesChoice({
  mesh,
  kind,
  label,
  value,
  onChange,
}: ChoiceProps & { readonly value: readonly string[]; readonly onChange: (ids: string[]) => void }) {
  const [search, setSearch] = useState('')
  const { options, error } = useOptions(mesh, kind, { search, chosen: value })
  return (
    <MultiSelect
      label={label}
      data={options}
      value={[...value]}
      onChange={onChange}
      searchable
      searchValue={search}
      onSearchChange={setSearch}
      filter={({ options }) => options}
      hidePickedOptions
      error={error}
      maxDropdownHeight={240}
    />
  )
}

/** What can be chosen: what fits the search, and what is chosen already. */
function useOptions(
  mesh: string,
  kind: EdgeKind,
  { search, chosen }: { readonly search: string; readonly chosen: readonly string[] },
) {
  const { say } = useTexts()
  const [asked] = useDebouncedValue(search, SEARCH_DELAY_MS)
  // An endpoint may have the name of an identity, and must not be taken for it.
  const optionOf = (entity: Entity) => {
    const label = visibleName(labelOf(entity))
    return entity.isOfMesh === true ? say('edge.ofMesh', { name: label }) : label
  }
  const known = useQuery({
    ...EDGE_QUERIES.page(mesh, kind, {
      filter: `id in [${chosen.map(quoteForFilter).join(', ')}]`,
      limit: 500,
    }),
    enabled: chosen.length > 0,
  })
  const chosenEntities = chosen.length === 0 ? [] : (known.data?.entities ?? [])
  // What is chosen stands in the field as its own name, which is no search.
  const isSearch = !chosenEntities.some(entity => optionOf(entity) === asked)
  const found = useQuery(
    EDGE_QUERIES.page(mesh, kind, {
      filter: isSearch ? filterOfSearch(asked, ['name']) : undefined,
      sort: 'name',
      limit: MAX_OFFERED,
    }),
  )
  const labels = new Map(
    [...(found.data?.entities ?? []), ...chosenEntities].map(entity => [entity.id, optionOf(entity)]),
  )
  for (const id of chosen) if (!labels.has(id)) labels.set(id, id)
  const failure = found.error ?? known.error
  return {
    options: [...labels].map(([value, label]) => ({ value, label })),
    error: failure === null ? undefined : failure.message,
  }
}

/** More are found by typing. */
const MAX_OFFERED = 20
const SEARCH_DELAY_MS = 200
