/** What the address of the Files page says: which part of it, and where one looks. */
export interface FilesAddress {
  readonly part?: 'disks' | 'mirrors' | 'transfers'
  /** In the mesh's file space, or on a disk. */
  readonly path?: string
  /** Whose disk: id of an endpoint. */
  readonly endpoint?: string
}

/** Read it; what is of no form is left out. */
export function parseFilesAddress(search: Readonly<Record<string, unknown>>): FilesAddress {
  const { part, path, endpoint } = search
  return {
    ...(part === 'disks' || part === 'mirrors' || part === 'transfers' ? { part } : {}),
    ...(typeof path === 'string' && path.length <= 4_096 && { path }),
    ...(typeof endpoint === 'string' && /^[\w.-]{1,64}$/.test(endpoint) && { endpoint }),
  }
}
