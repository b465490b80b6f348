import type { z } from 'zod'
import type { pathShape } from '../core/api/agent-api.ts'
import type { Cli } from './context.ts'
import { formatTable } from './output/table.ts'
import { age, bytes, milliseconds } from './output/words.ts'

/** The ways to peers as a table below a description; empty text where there are none. */
export function pathTable(cli: Cli, paths: readonly z.output<typeof pathShape>[]): string {
  if (paths.length === 0) return ''
  const table = formatTable(paths, [
    { title: 'PEER', cell: path => path.name ?? path.endpoint },
    { title: 'PATH', cell: path => path.path },
    {
      title: 'STATUS',
      cell: path => (path.error === undefined ? path.state : `${path.state}: ${path.error}`),
    },
    { title: 'FOR', cell: path => age(cli, path.sinceMs) },
    { title: 'STREAMS', cell: path => path.streamCount },
    {
      title: 'PING',
      cell: path => (path.roundTripMs === undefined ? undefined : milliseconds(path.roundTripMs)),
    },
    { title: 'SENT', cell: path => (path.sentBytes === undefined ? undefined : bytes(path.sentBytes)) },
    {
      title: 'RECEIVED',
      cell: path => (path.receivedBytes === undefined ? undefined : bytes(path.receivedBytes)),
    },
  ])
  return `\n${table}`
}
