import { Badge, Group, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { EDGE_KINDS } from '../../core/edge/edge-kinds.ts'
import { type Entity, memberOf, rolesOf, textsOf } from '../../core/edge/entity-members.ts'
import { formatWhen } from '../parts/amounts.ts'
import type { Column } from '../parts/listing.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import type { Collection, EntityColumn } from './collection.ts'
import { labelOf } from './entity-details.ts'

/** The columns of a collection: its name first, which leads to its page, and how it is. */
export function useColumns(mesh: string, collection: Collection): Column<Entity>[] {
  const { say } = useTexts()
  const { columns, state, isNameless } = collection
  const name: Column<Entity> = {
    title: say('endpoint.name'),
    cell: entity => <EntityLink mesh={mesh} collection={collection} entity={entity} />,
  }
  return [
    ...(isNameless === true ? [] : [name]),
    ...columns.map((column, index) => ({
      title: say(column.title),
      cell: (entity: Entity) =>
        isNameless === true && index === 0 ? (
          <EntityLink mesh={mesh} collection={collection} entity={entity} text={textIn(entity, column)} />
        ) : (
          <Cell entity={entity} column={column} />
        ),
    })),
    ...(state === undefined
      ? []
      : [
          {
            title: say('state.title'),
            cell: (entity: Entity) => <EntityStateBadge of={{ entity, collection }} />,
          },
        ]),
  ]
}

/** How an entity is, where its kind knows. */
export function EntityStateBadge({
  of: { entity, collection },
}: {
  of: { entity: Entity; collection: Collection }
}) {
  const { say } = useTexts()
  const state = collection.state?.(entity)
  return state === undefined ? null : <StateBadge mood={state.mood}>{say(state.text)}</StateBadge>
}

function EntityLink({
  mesh,
  collection,
  entity,
  text,
}: {
  mesh: string
  collection: Collection
  entity: Entity
  text?: string
}) {
  const section = EDGE_KINDS[collection.kind].collection
  return (
    <Link to="/$mesh/controller/$section/$id" params={{ mesh, section, id: entity.id }}>
      <Name>{text || labelOf(entity)}</Name>
    </Link>
  )
}

function Cell({ entity, column }: { entity: Entity; column: EntityColumn }) {
  switch (column.show) {
    case 'texts':
      return <Words words={textsOf(memberOf(entity, column.of[0] ?? ''))} />
    case 'roles':
      return <Words words={rolesOf(entity, column.of[0] ?? '')} />
    case 'when':
      return <When at={textIn(entity, column)} />
    case 'yes':
      return memberOf(entity, column.of[0] ?? '') === true ? '✓' : '–'
    case 'text':
      return <Name>{textIn(entity, column)}</Name>
  }
}

/** Words of strangers, each on its own. */
export function Words({ words }: { words: readonly string[] }) {
  return (
    <Group gap={4}>
      {words.map(word => (
        <Badge key={word} variant="default" tt="none" fw={400} h="auto" styles={BADGE}>
          <Name>{word}</Name>
        </Badge>
      ))}
    </Group>
  )
}

/** A moment, as so long ago or from now. @param at  as the controller writes it */
export function When({ at }: { at: string }) {
  const { language } = useTexts()
  const now = useNow()
  const atMs = Date.parse(at)
  if (Number.isNaN(atMs)) return null
  return (
    <Text span size="sm" title={new Date(atMs).toLocaleString(language)}>
      {formatWhen(atMs, now, language)}
    </Text>
  )
}

function textIn(entity: Entity, column: EntityColumn): string {
  for (const path of column.of) {
    const value = memberOf(entity, path)
    if (typeof value === 'number') return String(value)
    if (typeof value === 'string' && value !== '') return value
  }
  return ''
}

const BADGE = { label: { whiteSpace: 'normal', overflowWrap: 'anywhere' } } as const
