import { z } from 'zod'
import type { Agreed } from '../../core/files/sync-shapes.ts'
import { treeEntryShape } from '../../core/files/tree-requests.ts'
import type { Folder } from '../../core/model/disk.ts'
import { toMeshError } from '../../core/model/errors.ts'
import { MIRROR_FOLDER } from './tree-context.ts'

const fileShape = z.object({
  version: z.literal(1),
  /** Path, and what each side had there. */
  agreed: z.array(z.tuple([z.string().max(4_096), treeEntryShape, treeEntryShape])),
})

/**
 * Read what both sides of a mirror last agreed upon. Without it, or if it cannot be read, nothing was: nothing is removed then, and
 * files that differ are conflicts.
 *
 * @param id  of the mirror, 16 hexadecimal digits
 */
export async function readAgreed(folder: Folder, id: string): Promise<Map<string, Agreed>> {
  const agreed = new Map<string, Agreed>()
  try {
    await using file = await folder.openFile(pathOf(id), 'read')
    const { sizeBytes } = await file.stat()
    if (sizeBytes > MAX_AGREED_BYTES) return agreed
    const bytes = Buffer.alloc(sizeBytes)
    await file.read(bytes, 0)
    const parsed = fileShape.safeParse(JSON.parse(bytes.toString('utf8')))
    if (!parsed.success) return agreed
    for (const [path, left, right] of parsed.data.agreed) agreed.set(path, { left, right } as Agreed)
  } catch (error) {
    if (toMeshError(error).code !== 'not-found' && !(error instanceof SyntaxError)) throw error
  }
  return agreed
}

/** Keep it, whole or not at all. @throws MeshError `storage-full` … */
export async function writeAgreed(
  folder: Folder,
  id: string,
  agreed: ReadonlyMap<string, Agreed>,
): Promise<void> {
  const lines = [...agreed].map(([path, { left, right }]) => JSON.stringify([path, left, right]))
  const text = `{"version":1,"agreed":[\n${lines.join(',\n')}\n]}\n`
  await folder.writeFile(pathOf(id), Buffer.from(text), 0o600)
}

/** Forget it, with the mark of the mirror. */
export async function removeAgreed(folder: Folder, id: string): Promise<void> {
  await folder.remove(pathOf(id))
  await folder.remove(markOf(id))
}

/** What shows that a folder is that of a mirror: a disk that is not mounted leaves an empty one. */
export function markOf(id: string): string {
  return `${MIRROR_FOLDER}/${id}`
}

function pathOf(id: string): string {
  return `${MIRROR_FOLDER}/${id}.json`
}

/** The largest file of what was agreed that is read. */
export const MAX_AGREED_BYTES = 536_870_912
