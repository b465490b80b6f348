import type { Duplex } from 'node:stream'
import type { CopyEvent, CopyPlaceName } from '../../core/files/copy-request.ts'
import type { TreeEntry } from '../../core/files/tree-entry.ts'
import { childOf, nameOf } from '../../core/files/tree-path.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Host } from '../../sdk/app.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import { openPlace } from './open-place.ts'
import type { Computer } from './tree-site.ts'

/** Tell a person of this computer what is in a folder, a line of JSON each; of a file, how it is. @throws MeshError */
export async function serveListing(
  host: Host,
  computer: Computer,
  stream: Duplex,
  at: CopyPlaceName,
): Promise<void> {
  const tell = async (event: CopyEvent) => {
    if (stream.destroyed || stream.write(`${JSON.stringify(event)}\n`)) return
    await new Promise<void>(resolve => whenDrained(stream, resolve))
  }
  const show = (name: string, entry: TreeEntry) => tell({ event: 'entry', name, ...describe(entry) })
  await using place = await openPlace(host, computer, at)
  const { root, name, entry } = place.opened
  if (entry === null)
    throw new MeshError('not-found', `Cannot list ${quote(childOf(root, name))}: it is not there`)
  let count = 0
  let failedCount = 0
  if (entry.kind !== 'folder') await show(nameOf(name), entry as TreeEntry)
  else {
    let cursor: number | undefined
    do {
      const { answer } = await place.ask({
        do: 'list',
        path: name,
        isFlat: true,
        ...(cursor !== undefined && { cursor }),
      })
      for (const [path, found] of answer.found ?? []) await show(nameOf(path), found as TreeEntry)
      for (const [path, { code, message }] of answer.faults ?? []) {
        if (path === name) throw new MeshError('not-permitted', message)
        failedCount += 1
        await tell({ event: 'failed', path, code, message })
      }
      count += answer.found?.length ?? 0
      cursor = answer.cursor
    } while (cursor !== undefined)
  }
  await tell({
    event: 'ended',
    copiedCount: count,
    sameCount: 0,
    removedCount: 0,
    failedCount,
    bytes: 0,
    sentBytes: 0,
  })
  stream.end()
}

function describe(entry: TreeEntry) {
  if (entry.kind === 'file')
    return { kind: entry.kind, size: entry.size, mtimeMs: entry.mtimeMs, ...modeOf(entry) }
  if (entry.kind === 'link') return { kind: entry.kind, target: entry.target }
  return {
    kind: entry.kind,
    ...(entry.mtimeMs !== undefined && { mtimeMs: entry.mtimeMs }),
    ...modeOf(entry),
  }
}

function modeOf({ mode }: { readonly mode?: number }) {
  return mode === undefined ? {} : { mode }
}
