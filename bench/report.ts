import { median, pairedRatio, type Sample, valuesOf } from './figures.ts'
import { MEASURES, type Measure, ROLE_MEASURES } from './measures.ts'

/** A run of the bench: facts and figures. */
export interface Run {
  readonly date: string
  /** Machine, system, versions: one line each. */
  readonly facts: readonly string[]
  readonly rounds: number
  readonly isQuick: boolean
  /** In the order they ran in each round. */
  readonly contestants: readonly { readonly name: string; readonly shape: string }[]
  readonly samples: readonly Sample[]
  /** What failed, and what was left out. */
  readonly notes: readonly string[]
}

/** The report of a run, Markdown. */
export function formatReport(run: Run): string {
  const names = run.contestants.map(({ name }) => name)
  const rivals = names.filter(name => name !== SUBJECT)
  const parts = [
    `# Measured\n\n${run.date}. Repeat with \`npm run bench -- --write\`.`,
    run.isQuick ? '**A quick run, to see that everything works: not figures to quote.**' : '',
    list(run.facts),
    list(run.contestants.map(({ name, shape }) => `**${name}**: ${shape}`)),
    howTo(run),
    `## Figures\n\nMedian of ${run.rounds} ${run.rounds === 1 ? 'round' : 'rounds'}.\n\n${figuresTable(run.samples, names)}`,
    names.includes(SUBJECT) && rivals.length > 0
      ? `## ${SUBJECT} beside the others\n\nMedian of the ratios ${SUBJECT} : other, each taken within one round. ` +
        'For speeds and rates more is better; for times (marked ↓) less.\n\n' +
        ratiosTable(run.samples, rivals)
      : '',
    `## Processor time and memory of each process\n\n${rolesTable(run.samples, names)}`,
    list(run.notes),
  ]
  return `${parts.filter(part => part !== '').join('\n\n')}\n`
}

/** Measures down, contestants across; medians in the cells, failures added up. */
export function figuresTable(samples: readonly Sample[], names: readonly string[]): string {
  const rows = MEASURES.map(measure => [
    titleOf(measure),
    ...names.map(contestant => {
      const values = valuesOf(samples, { contestant, measure: measure.id })
      if (measure.id !== 'failures') return formatFigure(median(values))
      return values.length === 0 ? '' : String(values.reduce((sum, each) => sum + each, 0))
    }),
  ])
  return table(['', ...names], rows.filter(hasFigure))
}

/** Measures down, the others across, paired ratios in the cells. */
export function ratiosTable(samples: readonly Sample[], rivals: readonly string[]): string {
  const rows = MEASURES.filter(({ id }) => id !== 'failures').map(measure => [
    `${measure.title}${measure.isMoreBetter ? '' : ' ↓'}`,
    ...rivals.map(other => {
      const ratio = pairedRatio(samples, measure.id, { one: SUBJECT, other })
      return Number.isNaN(ratio) ? '' : `${formatFigure(ratio)}×`
    }),
  ])
  return table(['', ...rivals.map(name => `: ${name}`)], rows.filter(hasFigure))
}

/** Contestants and roles down, processor time and memory across. */
export function rolesTable(samples: readonly Sample[], names: readonly string[]): string {
  const rows = names.flatMap(contestant => {
    const own = samples.filter(sample => sample.contestant === contestant && sample.role !== undefined)
    const roles = [...new Set(own.map(({ role }) => role ?? ''))]
    return roles.map(role => [
      `${contestant}: ${role}`,
      ...ROLE_MEASURES.map(({ id }) =>
        formatFigure(median(valuesOf(samples, { contestant, measure: id, role }))),
      ),
    ])
  })
  return table(['', ...ROLE_MEASURES.map(titleOf)], rows.filter(hasFigure))
}

/** Three figures that count; nothing for NaN. */
export function formatFigure(value: number): string {
  if (Number.isNaN(value)) return ''
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 3)
}

function howTo({ samples, contestants }: Run): string {
  const plain = median(valuesOf(samples, { contestant: 'plain', measure: 'send-1' }))
  const others = contestants
    .filter(({ name }) => name !== 'plain')
    .map(({ name }) => median(valuesOf(samples, { contestant: name, measure: 'send-1' })))
    .filter(value => !Number.isNaN(value))
  const ceiling =
    Number.isNaN(plain) || others.length === 0
      ? ''
      : ` Generator and target alone move ${formatFigure(plain)} Gbit/s, ` +
        `${formatFigure(plain / Math.max(...others))} times what the fastest contestant does; ` +
        'they share its processor cores, and their own time is in the last table.'
  return (
    'Everything on one computer, over loopback. All contestants run in each round, and take each measurement one after ' +
    'the other before any takes the next. The generator and the target are processes of their own; bytes are counted ' +
    `by the receiver, and a transfer is over when it has the last one.${ceiling}`
  )
}

function titleOf({ title, unit }: Measure): string {
  return unit === '' ? title : `${title}, ${unit}`
}

function hasFigure(row: readonly string[]): boolean {
  return row.slice(1).some(cell => cell !== '')
}

function list(lines: readonly string[]): string {
  return lines.map(line => `- ${line}`).join('\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/** Whom the ratios are about. */
const SUBJECT = 'ztm'
