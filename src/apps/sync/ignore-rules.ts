import ignore from 'ignore'
import { MeshError } from '../../core/model/errors.ts'

/**
 * The file in the folder of the side that keeps a mirror, which says what is not mirrored. It is not mirrored itself: what the other
 * side would write into it would be run here for each path, and patterns can be made to take for ever.
 */
export const IGNORE_FILE = '.ztmignore'

/**
 * Read what is to be ignored, in the form of `.gitignore`: patterns, one a line, the last that fits decides, `!` takes one
 * back, `/` at the end means folders alone. What is below an ignored folder is ignored.
 *
 * @param texts  one after the other, as one file
 * @returns whether a path is ignored. @param isFolder  what lies there
 * @throws MeshError `too-large` over `MAX_IGNORE_BYTES`
 */
export function createIgnoreRules(texts: readonly string[]): (path: string, isFolder: boolean) => boolean {
  const text = texts.join('\n')
  if (text.length > MAX_IGNORE_BYTES) {
    throw new MeshError('too-large', `Cannot use ${IGNORE_FILE}: over ${MAX_IGNORE_BYTES} bytes`)
  }
  const rules = ignore({ allowRelativePaths: true }).add(text)
  return (path, isFolder) => path === IGNORE_FILE || rules.ignores(isFolder ? `${path}/` : path)
}

/** The longest list of what is ignored. */
export const MAX_IGNORE_BYTES = 65_536
