import { Anchor, Button, Group, Text } from '@mantine/core'
import { useState } from 'react'
import { formatBytes } from '../parts/amounts.ts'
import { type Column, Listing } from '../parts/listing.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'

/** Something that can be done with a file. */
export interface FileAction {
  readonly name: string
  readonly run: () => void
}

/** Files and folders: folders first, by name; a page of them at a time. */
export function FileTable<T>({
  rows,
  keyOf,
  nameOf,
  isFolder,
  onOpen,
  sizeBytes,
  columns,
  actions,
  label,
  empty,
}: {
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
  readonly nameOf: (row: T) => string
  readonly isFolder: (row: T) => boolean
  readonly onOpen: (row: T) => void
  /** Absent where a size says nothing. */
  readonly sizeBytes: (row: T) => number | undefined
  readonly columns: readonly Column<T>[]
  readonly actions: (row: T) => readonly FileAction[]
  readonly label: string
  readonly empty: string
}) {
  const { say, language } = useTexts()
  const [count, setCount] = useState(PAGE_ROWS)
  const inOrder = rows.toSorted(
    (a, b) =>
      Number(isFolder(b)) - Number(isFolder(a)) ||
      nameOf(a).localeCompare(nameOf(b), language, { numeric: true }),
  )
  return (
    <>
      <Listing
        label={label}
        rows={inOrder.slice(0, count)}
        keyOf={keyOf}
        empty={empty}
        columns={[
          {
            title: say('files.name'),
            cell: row => (
              <Anchor component="button" type="button" ta="start" onClick={() => onOpen(row)}>
                <Icon isFolder={isFolder(row)} />
                <Name>{nameOf(row)}</Name>
              </Anchor>
            ),
          },
          {
            title: say('files.size'),
            cell: row => {
              const bytes = sizeBytes(row)
              return bytes === undefined ? '' : formatBytes(bytes, language)
            },
          },
          ...columns,
          {
            title: '',
            cell: row => <Actions name={visibleName(nameOf(row))} actions={actions(row)} />,
          },
        ]}
      />
      {rows.length > count && (
        <Group>
          <Text size="sm">{say('count.of', { count, total: rows.length })}</Text>
          <Button size="xs" variant="default" onClick={() => setCount(count * 2)}>
            {say('files.more')}
          </Button>
        </Group>
      )}
    </>
  )
}

/** Buttons for what can be done, each with what it is done to. */
function Actions({ name, actions }: { name: string; actions: readonly FileAction[] }) {
  return (
    <Group gap={4} wrap="nowrap">
      {actions.map(({ name: what, run }) => (
        <Button key={what} size="compact-xs" variant="default" aria-label={`${what} ${name}`} onClick={run}>
          {what}
        </Button>
      ))}
    </Group>
  )
}

/** What it is, for the eye. */
function Icon({ isFolder }: { isFolder: boolean }) {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" style={ICON}>
      <path d={isFolder ? FOLDER : FILE} fill="none" stroke="currentColor" strokeWidth="1.3" />
    </svg>
  )
}

const ICON = { marginInlineEnd: 6, verticalAlign: 'text-bottom' } as const
const FOLDER = 'M1.5 13V3h4.2l1.6 2h7.2v8z'
const FILE = 'M3 1.5h6.2L13 5.3v9.2H3zM9 1.5v4h4'
const PAGE_ROWS = 200
