/** The path of the folder it is in, empty for the root; undefined for the root itself. */
export function parentOf(path: string): string | undefined {
  if (path === '') return undefined
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** The last name of a path; empty for the root. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** A name below a folder's path. */
export function childOf(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}

/** What is equal for names that a file system without regard to case and composition takes for one. */
export function foldPath(path: string): string {
  return path.normalize('NFD').toLowerCase().normalize('NFC')
}
