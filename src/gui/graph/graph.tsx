import { Table, Text, useComputedColorScheme } from '@mantine/core'
import { useTexts } from '../texts/texts.ts'
import { joinSteps, lineOf, type Step, topOf } from './graph-shape.ts'

/** One line of a graph. */
export interface GraphLine {
  readonly name: string
  readonly steps: readonly Step[]
  readonly color: 'first' | 'second'
}

interface GraphProps {
  readonly label: string
  readonly lines: readonly GraphLine[]
  readonly join: (known: number[]) => number
  readonly format: (value: number) => string
  readonly endsAtMs: number
  readonly stepMs: number
}

/**
 * An hour as lines, drawn by ourselves; for who does not see it as a sentence, and for everybody as a table of five minutes each.
 *
 * @param join  makes one step of several
 * @param format  of a value, with its unit
 */
export function Graph(shown: GraphProps) {
  const { label, lines, join, format, endsAtMs, stepMs } = shown
  const { say, language } = useTexts()
  const colors = COLORS[useComputedColorScheme('light')]
  const drawn = lines.map(line => ({ ...line, steps: joinSteps(line.steps, POINTS, join) }))
  const top = topOf(drawn.flatMap(({ steps }) => steps))
  const most = drawn.map(({ name, steps }) =>
    say('graph.most', { name, value: format(Math.max(...steps.map(step => step ?? 0), 0)) }),
  )
  const time = new Intl.DateTimeFormat(language, { timeStyle: 'short' })
  const spanMs = (lines[0]?.steps.length ?? 0) * stepMs
  return (
    <figure aria-label={label} style={{ margin: 0 }}>
      <Text size="sm" fw={600} component="figcaption">
        {label}
      </Text>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT + 16}`}
        role="img"
        aria-label={`${label}: ${most.join(', ')}`}
        style={{ width: '100%', height: 'auto' }}
      >
        {[0, 0.5, 1].map(share => (
          <g key={share}>
            <line x1={0} x2={WIDTH} y1={HEIGHT * share} y2={HEIGHT * share} stroke={colors.grid} />
            <text x={4} y={HEIGHT * share + (share === 1 ? -4 : 12)} fontSize={11} fill={colors.text}>
              {share === 1 ? '' : format(top * (1 - share))}
            </text>
          </g>
        ))}
        {drawn.map(({ name, steps, color }) => (
          <path
            key={name}
            d={lineOf(steps, top, { width: WIDTH, height: HEIGHT })}
            fill="none"
            stroke={colors[color]}
            strokeWidth={2}
            strokeLinejoin="round"
            strokeLinecap="round"
            strokeDasharray={color === 'second' ? '5 3' : undefined}
          />
        ))}
        <text x={0} y={HEIGHT + 13} fontSize={11} fill={colors.text}>
          {time.format(endsAtMs - spanMs)}
        </text>
        <text x={WIDTH} y={HEIGHT + 13} fontSize={11} textAnchor="end" fill={colors.text}>
          {time.format(endsAtMs)}
        </text>
      </svg>
      {lines.length > 1 && (
        <Text size="xs">
          {lines.map(({ name, color }) => `${color === 'second' ? '╌╌' : '──'} ${name}`).join('   ')}
        </Text>
      )}
      <GraphTable {...shown} />
    </figure>
  )
}

function GraphTable({ label, lines, join, format, endsAtMs, stepMs }: GraphProps) {
  const { say, language } = useTexts()
  const time = new Intl.DateTimeFormat(language, { timeStyle: 'short' })
  const spanMs = (lines[0]?.steps.length ?? 0) * stepMs
  const rows = lines.map(({ steps }) => joinSteps(steps, ROWS, join))
  const textOf = (step: Step | undefined) => (step === null || step === undefined ? '–' : format(step))
  return (
    <details>
      <summary>{say('graph.table')}</summary>
      <Table aria-label={label} verticalSpacing={2}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{say('graph.until')}</Table.Th>
            {lines.map(({ name }) => (
              <Table.Th key={name}>{name}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {Array.from({ length: ROWS }, (_, index) => ROWS - 1 - index).map(index => (
            <Table.Tr key={index}>
              <Table.Td>{time.format(endsAtMs - (spanMs * (ROWS - 1 - index)) / ROWS)}</Table.Td>
              {rows.map((steps, line) => (
                <Table.Td key={lines[line]?.name}>{textOf(steps[index])}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </details>
  )
}

const WIDTH = 600
const HEIGHT = 110
/** Points of a line; more cannot be told apart. */
const POINTS = 180
const ROWS = 12
const COLORS = {
  light: { first: '#1864ab', second: '#2b8a3e', grid: '#dee2e6', text: '#495057' },
  dark: { first: '#74c0fc', second: '#69db7c', grid: '#424242', text: '#ced4da' },
} as const
