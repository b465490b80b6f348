import { Table, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { Name } from './name.tsx'

/** A column of a listing. */
export interface Column<T> {
  readonly title: string
  readonly cell: (row: T) => ReactNode
}

/** What a cell shows: a plain text may be somebody else's, and is shown as such. */
export function shownCell(content: ReactNode): ReactNode {
  return typeof content === 'string' ? <Name>{content}</Name> : content
}

/** A listing, with a sentence where it is empty. */
export function Listing<T>({
  rows,
  columns,
  keyOf,
  empty,
  label,
}: {
  rows: readonly T[]
  columns: readonly Column<T>[]
  keyOf: (row: T) => string
  empty: string
  label: string
}) {
  if (rows.length === 0) return <Text c="dimmed">{empty}</Text>
  return (
    <Table.ScrollContainer
      minWidth={480}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, 'aria-label': label } }}
    >
      <Table highlightOnHover verticalSpacing="xs" aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {columns.map(({ title }) => (
              <Table.Th key={title}>{title}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(row => (
            <Table.Tr key={keyOf(row)}>
              {columns.map(({ title, cell }) => (
                <Table.Td key={title} style={{ overflowWrap: 'anywhere' }}>
                  {shownCell(cell(row))}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}
