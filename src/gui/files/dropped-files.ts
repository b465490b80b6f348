import type { ChosenFile } from './file-paths.ts'

/** The files of what was dropped, those in folders too, in their order on disk. */
export async function filesOfDrop(data: DataTransfer): Promise<readonly ChosenFile<File>[]> {
  // What is not taken at once is gone when this waits.
  const entries = [...data.items].flatMap(item => {
    const entry = item.kind === 'file' ? item.webkitGetAsEntry() : null
    return entry === null ? [] : [entry]
  })
  if (entries.length === 0) return [...data.files].map(file => ({ file, path: file.name }))
  const found: ChosenFile<File>[] = []
  for (const entry of entries) await collect(entry, entry.name, found)
  return found
}

/** The files that were chosen by a dialog, one by one or as a folder. */
export function filesOfInput(files: FileList): readonly ChosenFile<File>[] {
  return [...files].map(file => ({ file, path: file.webkitRelativePath || file.name }))
}

async function collect(entry: FileSystemEntry, path: string, into: ChosenFile<File>[]): Promise<void> {
  if (into.length >= MAX_FILES) return
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    )
    into.push({ file, path })
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
