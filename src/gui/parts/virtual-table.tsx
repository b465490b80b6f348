import { Text } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type ReactNode, useEffect, useRef } from 'react'
import { shownCell } from './listing.tsx'

/** A column of a long table. */
export interface VirtualColumn<T> {
  readonly title: string
  /** Of the width, beside the others. */
  readonly share: number
  readonly cell: (row: T) => ReactNode
}

/**
 * A table of any length, of which the rows that can be seen are in the document, and no others. It is one stop of the tab key;
 * arrows, page keys, Home and End move in it, as in everything that scrolls.
 *
 * @param rowAt  undefined while a row is not there yet
 * @param onRange  hears which rows are to be seen, for who has to ask for them
 */
export function VirtualTable<T>({
  label,
  count,
  columns,
  rowAt,
  onRange,
  rowPx = ROW_PX,
}: {
  label: string
  count: number
  columns: readonly VirtualColumn<T>[]
  rowAt: (index: number) => T | undefined
  onRange?: (first: number, last: number) => void
  /** Height of a row: more where buttons stand below each other. */
  rowPx?: number
}) {
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan: 6,
  })
  const items = virtual.getVirtualItems()
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0]
  useEffect(() => onRange?.(first, last), [onRange, first, last])
  const grid = {
    display: 'grid',
    gridTemplateColumns: columns.map(({ share }) => `minmax(0, ${share}fr)`).join(' '),
    gap: 12,
    alignItems: 'center',
    padding: '0 8px',
  } as const
  return (
    // biome-ignore lint/a11y/useSemanticElements: rows of a table element cannot be placed one by one
    <div role="table" aria-label={label} aria-rowcount={count + 1}>
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div role="rowgroup">
        {/* biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: as above */}
        <div role="row" aria-rowindex={1} style={{ ...grid, height: ROW_PX, borderBottom: LINE }}>
          {columns.map(({ title }) => (
            <Text key={title} role="columnheader" size="sm" fw={600} truncate>
              {title}
            </Text>
          ))}
        </div>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div
        ref={scroller}
        role="rowgroup"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        tabIndex={0}
        aria-label={label}
        style={{ height: `min(65vh, ${Math.max(count, 1) * rowPx + 2}px)`, overflowY: 'auto' }}
      >
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {items.map(({ index, start }) => {
            const row = rowAt(index)
            return (
              // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: as above
              <div
                key={index}
                role="row"
                aria-rowindex={index + 2}
                style={{
                  ...grid,
                  height: rowPx,
                  position: 'absolute',
                  insetInline: 0,
                  top: start,
                  borderBottom: LINE,
                }}
              >
                {columns.map(({ title, cell }) => (
                  // biome-ignore lint/a11y/useSemanticElements: as above
                  <div
                    key={title}
                    role="cell"
                    style={{ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }}
                  >
                    {row === undefined ? '…' : shownCell(cell(row))}
                  </div>
                ))}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}

const ROW_PX = 44
const LINE = '1px solid var(--mantine-color-default-border)'
