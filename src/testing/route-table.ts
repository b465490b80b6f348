import type { Route } from '../core/api/route.ts'
import { describeShape, type ShapeNames } from './describe-shape.ts'

/**
 * The routes of an API as a table in Markdown: method, path, what for, body or query, answer, errors.
 *
 * @param names  how shapes are told that have a name
 */
export function formatRouteTable(api: Record<string, Route>, names: ShapeNames): string {
  const rows = Object.values(api).map(route => [
    `\`${route.method} ${route.path}\``,
    route.summary,
    describeQuestion(route, names),
    route.response === undefined ? '-' : code(describeShape(route.response, names)),
    (route.errors ?? []).map(code).join(' ') || '-',
  ])
  return formatTable([['Route', 'What for', 'Body or query', 'Answer', 'Errors'], ...rows])
}

/** Rows as a table in Markdown, the first as its head, with columns of even width. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = rows
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...body.map(line)].join('\n')
}

function describeQuestion({ body, query }: Route, names: ShapeNames): string {
  const parts: string[] = []
  if (body !== undefined) parts.push(code(describeShape(body, names)))
  if (query !== undefined) parts.push(`query ${code(describeShape(query, names))}`)
  return parts.join(', ') || '-'
}

function code(text: string): string {
  return `\`${text}\``
}
