import { fitsIgnorePattern, parseIgnoreLine } from '../../core/files/ignore-pattern.ts'
import { parentOf } from '../../core/files/tree-path.ts'
import { MeshError } from '../../core/model/errors.ts'

/**
 * The file in the folder of the side that keeps a mirror, which says what is not mirrored. It is not mirrored itself: what the other
 * side would write into it would be run here for each path.
 */
export const IGNORE_FILE = '.ztmignore'

/**
 * Read what is to be ignored, in the form of `.gitignore`: patterns, one a line, the last that fits decides, `!` takes one
 * back, `/` at the end means folders alone, upper and lower case are alike. What is below an ignored folder is ignored.
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
  const patterns = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .flatMap(line => parseIgnoreLine(line) ?? [])
    .reverse()
  /** Of folders: what is in one asks for it again and again. */
  const known = new Map<string, boolean>()
  const isFitting = (path: string, isFolder: boolean) => {
    const names = path.toLowerCase().split('/')
    const last = patterns.find(pattern => fitsIgnorePattern(pattern, names, isFolder))
    return last !== undefined && !last.isTakenBack
  }
  const isFolderIgnored = (folder: string): boolean => {
    // From the root on, and not by a call within a call: a path may have very many names.
    const unknown: string[] = []
    let at: string | undefined = folder
    while (at && !known.has(at)) {
      unknown.push(at)
      at = parentOf(at)
    }
    let isIgnored = at ? known.get(at) === true : false
    if (known.size > MAX_KNOWN_FOLDERS) known.clear()
    for (const one of unknown.reverse()) {
      isIgnored ||= isFitting(one, true)
      known.set(one, isIgnored)
    }
    return isIgnored
  }
  return (path, isFolder) =>
    path === IGNORE_FILE || isFolderIgnored(parentOf(path) ?? '') || isFitting(path, isFolder)
}

/** The longest list of what is ignored. */
export const MAX_IGNORE_BYTES = 65_536
/** Of which it is kept whether they are ignored. */
const MAX_KNOWN_FOLDERS = 10_000
