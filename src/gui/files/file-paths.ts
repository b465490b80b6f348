/** A part of a path, and the path up to it. */
export interface Crumb {
  readonly name: string
  readonly path: string
}

/** The names of a path in the mesh's file space, each with the path up to it: of `/users/bob/photos/2026`, bob, photos and 2026. */
export function meshCrumbs(path: string): readonly Crumb[] {
  const [, user, ...names] = path.split('/').filter(name => name !== '')
  if (user === undefined) return []
  const top = { name: user, path: `/users/${user}` }
  return [
    top,
    ...names.map((name, index) => ({ name, path: [top.path, ...names.slice(0, index + 1)].join('/') })),
  ]
}

/** The same of a folder on a disk: absolute, from the home folder (`~`), or as Windows has it (`C:\Users`). */
export function diskCrumbs(path: string): readonly Crumb[] {
  const isWindows = /^[A-Za-z]:[\\/]/.test(path)
  const separator = isWindows ? '\\' : '/'
  const names = path.split(isWindows ? /[\\/]/ : '/').filter(name => name !== '')
  const start = path.startsWith('/') ? '/' : ''
  const crumbs = names.map((name, index) => {
    const whole = start + names.slice(0, index + 1).join(separator)
    return { name, path: isWindows && index === 0 ? `${whole}\\` : whole }
  })
  return start === '/' ? [{ name: '/', path: '/' }, ...crumbs] : crumbs
}

/** A name in a folder of a disk. */
export function joinDisk(folder: string, name: string): string {
  const separator = /^[A-Za-z]:[\\/]/.test(folder) ? '\\' : '/'
  return /[\\/]$/.test(folder) ? folder + name : `${folder}${separator}${name}`
}

/** The last name of a path. */
export function lastName(path: string): string {
  return (
    path
      .split('/')
      .filter(name => name !== '')
      .at(-1) ?? path
  )
}

/** A place on a disk as the command line has it: `office:Documents`, `bob@nas:/srv`. */
export function formatDiskPlace({
  endpoint,
  user,
  path,
}: {
  endpoint?: string | undefined
  user?: string | undefined
  path: string
}): string {
  if (endpoint === undefined) return path
  return `${user === undefined ? '' : `${user}@`}${endpoint}:${path}`
}

/** A file that was dropped or chosen, with where it was: `photos/2026/a.jpg` of a folder `photos`. */
export interface ChosenFile<F> {
  readonly file: F
  readonly path: string
}

/** The names at the top of what was chosen: each is published by itself, a folder as a tree. */
export function topNames(files: readonly ChosenFile<unknown>[]): readonly string[] {
  return [...new Set(files.map(({ path }) => path.split('/')[0] ?? path))]
}
