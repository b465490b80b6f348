import { Code, Group, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { EDGE_KINDS } from '../../core/edge/edge-kinds.ts'
import type { Json } from '../../core/edge/entity-members.ts'
import { textOf } from '../../core/edge/entity-members.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import type { Collection } from './collection.ts'
import { COLLECTIONS, isFixed } from './collections.ts'
import { EntityActions } from './entity-actions.tsx'
import { EntityStateBadge, When, Words } from './entity-cells.tsx'
import { detailsOf, labelOf } from './entity-details.ts'
import { EntityList } from './entity-list.tsx'
import { WhoMay } from './who-may.tsx'

/** All there is to one entity: what it says, and what belongs to it. */
export function EntitySection({
  mesh,
  collection,
  id,
}: {
  mesh: string
  collection: Collection
  id: string
}) {
  const { say } = useTexts()
  const navigate = useNavigate()
  const { kind, title, related } = collection
  const { collection: section, words } = EDGE_KINDS[kind]
  const query = useQuery(EDGE_QUERIES.one(mesh, kind, id))
  return (
    <Stack>
      <Link to="/$mesh/controller/$section" params={{ mesh, section }}>
        {say(title)}
      </Link>
      <Loaded query={query}>
        {entity => (
          <>
            <Group>
              <Title order={1} style={{ overflowWrap: 'anywhere' }}>
                <Name>{labelOf(entity)}</Name>
              </Title>
              <EntityStateBadge of={{ entity, collection }} />
            </Group>
            <EntityActions
              mesh={mesh}
              collection={collection}
              entity={entity}
              onDeleted={() => void navigate({ to: '/$mesh/controller/$section', params: { mesh, section } })}
            />
            {isFixed(collection, entity) && <Text size="sm">{say('edge.fixed')}</Text>}
            <Details rows={detailsOf(entity)} label={visibleName(labelOf(entity))} />
            {kind === 'service' && <WhoMay mesh={mesh} serviceId={entity.id} />}
            <EqualCommand>
              {formatCommand('ztm', 'describe', words[0], textOf(entity.name) ?? entity.id)}
            </EqualCommand>
          </>
        )}
      </Loaded>
      {related.map(({ title, kind: other, path, filter }) => (
        <Stack key={`${other}${title}`} gap="xs">
          <Title order={2} size="h4">
            {say(title)}
          </Title>
          <EntityList
            mesh={mesh}
            collection={COLLECTIONS[other]}
            label={say(title)}
            path={path?.(id)}
            filter={filter?.(id)}
          />
        </Stack>
      ))}
    </Stack>
  )
}

function Details({ rows, label }: { rows: ReturnType<typeof detailsOf>; label: string }) {
  return (
    <Table aria-label={label} layout="fixed" variant="vertical">
      <Table.Tbody>
        {rows.map(({ name, value }) => (
          <Table.Tr key={name}>
            <Table.Th w={180} style={{ overflowWrap: 'anywhere' }}>
              {name}
            </Table.Th>
            <Table.Td style={{ overflowWrap: 'anywhere' }}>
              <DetailValue name={name} value={value} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  )
}

function DetailValue({ name, value }: { name: string; value: Json }) {
  if (typeof value === 'string') return name.endsWith('At') ? <When at={value} /> : <Name>{value}</Name>
  if (typeof value === 'boolean') return value ? '✓' : '–'
  if (Array.isArray(value) && value.every(each => typeof each === 'string')) return <Words words={value} />
  if (typeof value === 'object')
    return (
      <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
        {visibleName(JSON.stringify(value, undefined, 1).replace(/\n\s*/g, ' '))}
      </Code>
    )
  return String(value)
}
