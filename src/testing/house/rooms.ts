import { posix } from 'node:path'
import type { SourceFile } from './source-file.ts'

/**
 * Which room may import which: room -> rooms, folders or single files (without `.ts`), paths below `src/`. A room may
 * always import itself. A key that ends with a star stands for every folder there, each a room of its own; in a list
 * a star stands for any one folder.
 */
export type RoomTable = Readonly<Record<string, readonly string[]>>

/**
 * Every import that the table does not allow, and every file that is in no room of it.
 *
 * @param forTests  what tests may import besides; those of `core` only its first
 */
export function findBrokenWalls(
  files: readonly SourceFile[],
  table: RoomTable,
  forTests: readonly string[],
): string[] {
  return files.flatMap(file => {
    if (file.path.endsWith('.d.ts')) return []
    const room = roomOf(file.path, table)
    if (room === undefined) {
      return [`${file.path}: no room of the table holds it: put it into one, or add the room with a decision`]
    }
    // A test at the root of src is about all rooms.
    if (room.name === '' && file.isTest) return []
    const besides = room.name.startsWith('core/') ? forTests.slice(0, 1) : forTests
    const allowed = [...room.mayImport, ...(file.isTest ? besides : [])]
    return file.imports.flatMap(({ target, line }) => {
      if (target === undefined || target === 'package.json' || isWithin(target, [room.name])) return []
      if (isWithin(target, allowed)) return []
      const may = allowed.length === 0 ? 'nothing else' : allowed.join(', ')
      return [
        `${file.path}:${line}: imports ${target}, but ${room.name} may import ${may}: ` +
          'move the line down to a room both may import, or take it as an argument',
      ]
    })
  })
}

/**
 * Folders below `src/` that are no room, and rooms without a file.
 *
 * @param folders  every folder below `src/`, as `net` or `core/model`
 */
export function findEmptyRooms(
  folders: readonly string[],
  files: readonly SourceFile[],
  table: RoomTable,
): string[] {
  return folders.flatMap(folder => {
    const path = `src/${folder}`
    if (roomOf(`${path}/file.ts`, table) === undefined && !holdsRooms(folder, table)) {
      return [`${path}: no room of the table: move it into one, or add the room with a decision`]
    }
    const isEmpty = !files.some(file => file.path.startsWith(`${path}/`))
    return isEmpty ? [`${path}: holds no TypeScript: remove the folder until there is something in it`] : []
  })
}

interface Room {
  readonly name: string
  readonly mayImport: readonly string[]
}

/** The innermost room that holds a file; the row named '' is for files directly in `src/` alone. */
function roomOf(path: string, table: RoomTable): Room | undefined {
  const folder = posix.dirname(path.slice('src/'.length))
  if (folder === '.') return table[''] && { name: '', mayImport: table[''] }
  for (let name = folder; name !== '.'; name = posix.dirname(name)) {
    const mayImport = table[name] ?? (name.includes('/') ? table[`${posix.dirname(name)}/*`] : undefined)
    if (mayImport !== undefined) return { name, mayImport }
  }
  return undefined
}

function holdsRooms(folder: string, table: RoomTable): boolean {
  return Object.keys(table).some(name => name.startsWith(`${folder}/`))
}

function isWithin(target: string, places: readonly string[]): boolean {
  const stem = target.replace(/^src\//, '').replace(/\.tsx?$/, '')
  const parts = stem.split('/')
  const isIn = (place: string) => place.split('/').every((part, at) => part === '*' || part === parts[at])
  return target.startsWith('src/') && places.some(isIn)
}
