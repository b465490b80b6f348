import { Fieldset, Stack, Switch, TagsInput, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { nameOf, textsOf } from '../../core/edge/entity-members.ts'
import { filterOfRoles } from '../../core/edge/role-filter.ts'
import type { RoleSemantic } from '../../core/edge/role-match.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { Failure } from '../parts/failure.tsx'
import { Name } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import type { TaggedKind } from './collection.ts'
import { EntitiesChoice } from './entity-choice.tsx'

/**
 * The roles of a policy, chosen instead of typed: everybody, those with attributes, single ones. What they choose now is shown
 * as they change, before there is such a policy.
 */
export function RolesInput({
  mesh,
  kind,
  label,
  value,
  semantic,
  onChange,
}: {
  mesh: string
  kind: TaggedKind
  label: string
  value: readonly string[]
  semantic: RoleSemantic
  onChange: (roles: string[]) => void
}) {
  const { say } = useTexts()
  const isForAll = value.includes(ALL)
  const attributes = value.filter(role => role.startsWith('#') && role !== ALL).map(role => role.slice(1))
  const ids = value.filter(role => role.startsWith('@')).map(role => role.slice(1))
  const change = (next: { all?: boolean; attributes?: readonly string[]; ids?: readonly string[] }) =>
    onChange([
      ...((next.all ?? isForAll) ? [ALL] : []),
      ...(next.attributes ?? attributes).filter(word => word !== 'all').map(word => `#${word}`),
      ...(next.ids ?? ids).map(id => `@${id}`),
    ])
  return (
    <Fieldset legend={label}>
      <Stack gap="xs">
        <Switch
          label={say('edge.everybody')}
          checked={isForAll}
          onChange={event => change({ all: event.currentTarget.checked })}
        />
        <AttributesInput
          mesh={mesh}
          kind={kind}
          label={say('edge.withAttributes')}
          value={attributes}
          onChange={words => change({ attributes: words })}
        />
        <EntitiesChoice
          mesh={mesh}
          kind={kind}
          label={say('edge.addOne')}
          value={ids}
          onChange={chosen => change({ ids: chosen })}
        />
        <Chosen mesh={mesh} kind={kind} roles={value} semantic={semantic} />
      </Stack>
    </Fieldset>
  )
}

/** Role attributes; those in use are offered. */
export function AttributesInput({
  mesh,
  kind,
  label,
  value,
  onChange,
}: {
  mesh: string
  kind: TaggedKind
  label: string
  value: readonly string[]
  onChange: (attributes: string[]) => void
}) {
  const { say } = useTexts()
  const known = useQuery(EDGE_QUERIES.ask(mesh, `/${kind}-role-attributes?limit=500`))
  return (
    <TagsInput
      label={label}
      description={say('edge.attributesHelp')}
      data={[...new Set(textsOf(known.data))]}
      value={[...value]}
      onChange={words => onChange(words.map(word => word.replace(/^#/, '')).filter(word => word !== ''))}
      acceptValueOnBlur
      maxDropdownHeight={200}
    />
  )
}

/** How many the roles choose now, and the first of them. */
function Chosen({
  mesh,
  kind,
  roles,
  semantic,
}: {
  mesh: string
  kind: TaggedKind
  roles: readonly string[]
  semantic: RoleSemantic
}) {
  const { say } = useTexts()
  const filter = filterOfRoles(roles, semantic)
  const { data, error } = useQuery({
    ...EDGE_QUERIES.page(mesh, kind, { filter: filter ?? '', limit: MAX_NAMED, sort: 'name' }),
    enabled: filter !== undefined,
  })
  if (filter === undefined)
    return (
      <Text size="sm" role="status">
        {say('edge.selects.none')}
      </Text>
    )
  if (error !== null) return <Failure error={error} />
  if (data === undefined) return null
  const { entities, totalCount } = data
  return (
    <Text size="sm" role="status" style={{ overflowWrap: 'anywhere' }}>
      {say('edge.selects', { count: totalCount })}
      {entities.map((entity, index) => (
        <span key={entity.id}>
          {index === 0 ? ': ' : ', '}
          <Name>{nameOf(entity)}</Name>
        </span>
      ))}
      {totalCount > entities.length && ' …'}
    </Text>
  )
}

const ALL = '#all'
const MAX_NAMED = 5
