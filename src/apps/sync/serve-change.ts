import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import type { CopyEvent, diskChangeShape } from '../../core/files/copy-request.ts'
import { findNameTrouble } from '../../core/files/disk-path.ts'
import { childOf, parentOf } from '../../core/files/tree-path.ts'
import type { TreeAnswer } from '../../core/files/tree-requests.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Host } from '../../sdk/app.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import { listTree } from './list-tree.ts'
import { openPlace } from './open-place.ts'
import type { Computer, TreePlace } from './tree-site.ts'
import { whileHeard } from './while-heard.ts'

type Change = z.output<typeof diskChangeShape>

/**
 * Make a folder, rename or remove something on the disk of an endpoint, for a person of this computer, who is told a line of JSON for each
 * event. When they go, it ends.
 *
 * @throws MeshError `not-found`, `conflict`, `denied`, `bad-name` …
 */
export async function serveChange(
  host: Host,
  computer: Computer,
  stream: Duplex,
  change: Change,
): Promise<void> {
  const signal = whileHeard(stream)
  const tell = async (event: CopyEvent) => {
    if (stream.destroyed || stream.write(`${JSON.stringify(event)}\n`)) return
    await new Promise<void>(resolve => whenDrained(stream, resolve))
  }
  // A link is renamed and removed itself; a folder is made where it leads.
  const isHolder = change.kind !== 'make-folder'
  await using place = await openPlace(host, computer, change.at, { isHolder, signal })
  const counts = { removedCount: 0, failedCount: 0 }
  if (change.kind === 'make-folder') await makeFolder(place)
  else if (change.kind === 'rename') await rename(place, change)
  else await remove({ place, tell, counts, signal }, change)
  if (change.kind !== 'remove') {
    const what = change.kind === 'rename' ? 'renamed' : 'made'
    await tell({ event: 'done', what, path: change.at.path })
  }
  await tell({ event: 'ended', copiedCount: 0, sameCount: 0, bytes: 0, sentBytes: 0, ...counts })
  stream.end()
}

async function makeFolder(place: TreePlace): Promise<void> {
  const { root, name, entry } = place.opened
  if (entry !== null)
    throw new MeshError(
      'conflict',
      `Cannot make folder ${quote(childOf(root, name))}: something is there already`,
    )
  const { answer } = await place.ask({ do: 'make-folders', paths: [name] })
  for (const { error } of faultsOf(answer)) throw error
}

async function rename(place: TreePlace, { at, name: to }: Extract<Change, { kind: 'rename' }>) {
  const { name, entry } = place.opened
  const trouble = findNameTrouble(to)
  if (trouble !== undefined) throw new MeshError('bad-name', `Cannot use name ${quote(to)}: ${trouble}`)
  if (entry === null) throw new MeshError('not-found', `Cannot rename ${quote(at.path)}: it is not there`)
  await place.ask({ do: 'move', path: name, to: childOf(parentOf(name) ?? '', to) })
}

interface Removing {
  readonly place: TreePlace
  readonly tell: (event: CopyEvent) => Promise<void>
  readonly counts: { removedCount: number; failedCount: number }
  readonly signal: AbortSignal
}

/** What is in a folder first, in batches, so that it can be told how far it is, and broken off. */
async function remove(
  { place, tell, counts, signal }: Removing,
  { at, isWhole }: Extract<Change, { kind: 'remove' }>,
): Promise<void> {
  const { name, entry } = place.opened
  if (entry === null) throw new MeshError('not-found', `Cannot remove ${quote(at.path)}: it is not there`)
  const inside = entry.kind === 'folder' && isWhole ? [...(await listTree(place, name)).tree.keys()] : []
  await tell({ event: 'planned', fileCount: inside.length + 1, bytes: 0, sameCount: 0 })
  inside.reverse()
  for (let next = 0; next < inside.length; next += BATCH) {
    signal.throwIfAborted()
    const paths = inside.slice(next, next + BATCH)
    const { answer } = await place.ask({ do: 'remove', items: paths.map(path => ({ path })) })
    const faults = faultsOf(answer)
    for (const { index, code, message } of faults) {
      counts.failedCount += 1
      // A folder is not empty because of what could not be removed from it: that was told.
      if (code !== 'conflict' && counts.failedCount <= MAX_TOLD)
        await tell({ event: 'failed', path: paths[index] ?? '', code, message })
    }
    counts.removedCount += paths.length - faults.length
    await tell({ event: 'progress', fileCount: next + paths.length, doneBytes: 0, sentBytes: 0 })
  }
  signal.throwIfAborted()
  // With what is not listed, as it was being written when something broke.
  const isWholeFolder = entry.kind === 'folder' && isWhole
  const { answer } = await place.ask({ do: 'remove', items: [{ path: name, isWhole: isWholeFolder }] })
  for (const { error } of faultsOf(answer)) throw error
  counts.removedCount += 1
}

function faultsOf({ results = [] }: TreeAnswer) {
  return results.flatMap((result, index) => {
    if ('entry' in result) return []
    const error = parseErrorBody(result) ?? new MeshError('bad-message', 'Refused without a reason')
    return [{ index, error, code: error.code, message: error.message }]
  })
}

/** Removed with one request. */
const BATCH = 200
/** Failures that are told one by one. */
const MAX_TOLD = 1_000
