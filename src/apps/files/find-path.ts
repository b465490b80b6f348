import { formatMeshPath, parseMeshPath, pathBelow } from '../../core/files/mesh-path.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { type Finder, findFiles } from './find-files.ts'
import type { FoundItem } from './messages.ts'

/**
 * Find what a path in the mesh's file space names: something published, and what of it.
 *
 * @throws MeshError `not-found`, `bad-name`, `offline`
 */
export async function findPath(finder: Finder, text: string): Promise<{ item: FoundItem; part: string }> {
  const { owner, path } = parseMeshPath(text, finder.host.endpoint.user)
  if (owner === undefined || path === '')
    throw new MeshError(
      'bad-name',
      `Cannot fetch ${quote(text)}: name something that is published: \`ztm file ls\``,
    )
  const { items, unanswered } = await findFiles(finder, { owner, path })
  const fitting = items
    .filter(({ name }) => pathBelow(path, name) !== undefined)
    .sort((a, b) => b.name.length - a.name.length)
  const [item] = fitting
  if (item !== undefined) return { item, part: pathBelow(path, item.name) ?? '' }
  const silent = unanswered.map(({ name }) => name).join(', ')
  const help = silent === '' ? '' : `; not asked: ${silent}`
  const below = items.length > 0 ? `: there are ${items.length} below it: name one` : ''
  throw new MeshError(
    'not-found',
    `Cannot find ${quote(formatMeshPath(owner, path))}: nobody online has it, or not for you${below}${help}`,
  )
}
