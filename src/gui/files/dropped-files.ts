import type { ChosenFile } from './file-paths.ts'

/** What was dropped. */
export interface Dropped {
  readonly files: readonly ChosenFile<File>[]
  /** Files and folders that could not be read. */
  readonly unreadCount: number
  /** There were over `MAX_FILES`; the rest is left out. */
  readonly isCut: boolean
}

/** The files of what was dropped, those in folders too, in their order on disk. Never throws. */
export async function filesOfDrop(data: DataTransfer): Promise<Dropped> {
  // What is not taken at once is gone when this waits.
  const entries = [...data.items].flatMap(item => {
    const entry = item.kind === 'file' ? item.webkitGetAsEntry() : null
    return entry === null ? [] : [entry]
  })
  if (entries.length === 0) {
    const files = [...data.files].map(file => ({ file, path: file.name }))
    return { files, unreadCount: 0, isCut: false }
  }
  const found: Found = { files: [], unreadCount: 0, isCut: false }
  for (const entry of entries) await collect(entry, entry.name, found)
  return found
}

interface Found {
  readonly files: ChosenFile<File>[]
  unreadCount: number
  isCut: boolean
}

/** The files that were chosen by a dialog, one by one or as a folder. */
export function filesOfInput(files: FileList): readonly ChosenFile<File>[] {
  return [...files].map(file => ({ file, path: file.webkitRelativePath || file.name }))
}

async function collect(entry: FileSystemEntry, path: string, into: Found): Promise<void> {
  try {
    await collectIn(entry, path, into)
  } catch {
    // One that may not be read is no reason to leave out the rest.
    into.unreadCount += 1
  }
}

async function collectIn(entry: FileSystemEntry, path: string, into: Found): Promise<void> {
  if (into.files.length >= MAX_FILES) {
    into.isCut = true
    return
  }
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    )
    into.files.push({ file, path })
    return
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  for (;;) {
    // A folder is told a hundred names at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (some.length === 0) return
    for (const inner of some) await collect(inner, `${path}/${inner.name}`, into)
  }
}

/** Files that are taken of one drop. */
export const MAX_FILES = 100_000
