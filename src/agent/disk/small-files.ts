import { randomUUID } from 'node:crypto'
import fs, { type BigIntStats, constants } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { DiskEntry, FoundEntry, NewFile, ReadFile } from '../../core/model/disk.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { fromNodeError } from '../../net/node-error.ts'
import { describeEntry } from './disk-file.ts'
import type { DiskSpot } from './disk-spot.ts'

/**
 * What is in a folder that was found, each with how it is.
 *
 * @throws MeshError `too-many` over `maxEntries`
 */
export async function lookInto(spot: DiskSpot, path: string, maxEntries: number): Promise<FoundEntry[]> {
  const names = await readdir(spot.at(''), { encoding: 'buffer' })
  if (names.length > maxEntries) {
    throw new MeshError('too-many', `Cannot list ${quote(path)}: over ${maxEntries} entries`)
  }
  const found = await inParallel(names, async (bytes): Promise<FoundEntry | undefined> => {
    const name = bytes.toString('utf8')
    if (!Buffer.from(name).equals(bytes)) return { name, entry: UNNAMEABLE }
    try {
      const entry = describeEntry((await lstat(spot.at(name), { bigint: true })) as BigIntStats)
      return { name, entry, ...(entry.kind === 'link' && { target: await readlink(spot.at(name), 'utf8') }) }
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return undefined
      throw error
    }
  })
  return found.filter(one => one !== undefined)
}

/** Read files of a folder that was found, whole. @param names  checked */
export function readSmallFiles(
  spot: DiskSpot,
  names: readonly string[],
  maxBytes: number,
): Promise<(ReadFile | MeshError)[]> {
  return inParallel(names, async name => {
    try {
      return await readSmallFile(spot, name, maxBytes)
    } catch (error) {
      return fromNodeError(error, `Cannot read ${quote(name)}`)
    }
  })
}

async function readSmallFile(spot: DiskSpot, name: string, maxBytes: number): Promise<ReadFile> {
  // Without waiting, for a pipe that nobody writes to; what is opened must be a file then.
  const fd = await open(spot.at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = async () => (await fstat(fd, { bigint: true })) as BigIntStats
    const before = await stat()
    if (!before.isFile()) throw new MeshError('bad-input', `Cannot read ${quote(name)}: it is no file`)
    await spot.check(name, { stat })
    if (before.size > maxBytes) {
      throw new MeshError('too-large', `Cannot read ${quote(name)} at once: over ${maxBytes} bytes`)
    }
    const sizeBytes = Number(before.size)
    // One more, to see that it has not grown: where that one does not come, it has not.
    const bytes = Buffer.allocUnsafe(sizeBytes + 1)
    let length = 0
    for (let count = -1; count !== 0 && length !== sizeBytes && length < bytes.length; length += count) {
      count = (await read(fd, bytes, length, bytes.length - length, length)).bytesRead
    }
    const entry = describeEntry(await stat())
    if (entry.version !== describeEntry(before).version || length !== entry.sizeBytes) {
      throw new MeshError('conflict', `Cannot read ${quote(name)}: it was changed meanwhile`)
    }
    return { bytes: bytes.subarray(0, length), entry }
  } finally {
    await close(fd)
  }
}

/** Put files into a folder that was found. @param files  whose names and modes are checked */
export function placeSmallFiles(
  spot: DiskSpot,
  files: readonly NewFile[],
): Promise<(DiskEntry | MeshError)[]> {
  return inParallel(files, async file => {
    if (file.isAside) {
      const placed = await writeInPlace(spot, file)
      if (placed !== undefined) return placed
    }
    const aside = `.ztm-${randomUUID()}`
    try {
      await writeNew(spot, aside, file, async () => {})
      await takePlace(spot.at(aside), spot.at(file.name), file)
      return describeEntry((await lstat(spot.at(file.name), { bigint: true })) as BigIntStats)
    } catch (error) {
      await unlink(spot.at(aside)).catch(() => {})
      return fromNodeError(error, `Cannot write ${quote(file.name)}`)
    }
  })
}

/** Under its name at once. @returns undefined if something is there */
async function writeInPlace(spot: DiskSpot, file: NewFile): Promise<DiskEntry | MeshError | undefined> {
  try {
    return await writeNew(spot, file.name, file, async fd => {
      return describeEntry((await fstat(fd, { bigint: true })) as BigIntStats)
    })
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST') return undefined
    return fromNodeError(error, `Cannot write ${quote(file.name)}`)
  }
}

/** Nothing is left of it where it fails. @throws `EEXIST` if something of that name is there */
async function writeNew<T>(
  spot: DiskSpot,
  name: string,
  file: NewFile,
  andThen: (fd: number) => Promise<T>,
): Promise<T> {
  const { bytes, mode, modifiedAtMs, isDurable = false } = file
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const fd = await open(spot.at(name), flags, 0o600)
  try {
    for (let done = 0; done < bytes.length; ) {
      done += (await write(fd, bytes, done, bytes.length - done, done)).bytesWritten
    }
    if (mode !== 0o600) await fchmod(fd, mode)
    await futimes(fd, new Date(), modifiedAtMs / 1_000)
    if (isDurable) await fsync(fd)
    return await andThen(fd)
  } catch (error) {
    await unlink(spot.at(name)).catch(() => {})
    throw error
  } finally {
    await close(fd)
  }
}

/** @throws MeshError `conflict` if there is not what the file may replace */
async function takePlace(aside: string, place: string, { name, over }: NewFile): Promise<void> {
  const taken = () =>
    new MeshError('conflict', `Cannot write ${quote(name)}: something else is there meanwhile`)
  if (over === null) {
    try {
      // Fails if there is anything, without a moment in which something could come.
      await link(aside, place)
      await unlink(aside)
      return
    } catch (error) {
      const { code } = error as { code?: unknown }
      if (code === 'EEXIST') throw taken()
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EMLINK') throw error
    }
  }
  if (over !== undefined && (await versionAt(place)) !== over) throw taken()
  await rename(aside, place)
}

async function versionAt(place: string): Promise<string | null> {
  try {
    return describeEntry((await lstat(place, { bigint: true })) as BigIntStats).version
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return null
    throw error
  }
}

/** Some at once: a folder may have many thousands. */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length)
  let next = 0
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++)
      results[index] = await work(items[index] as T)
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL_COUNT, items.length) }, lane))
  return results
}

// By callbacks: handles of `fs/promises` cost three times as much each, and there are thousands.
const open = promisify(fs.open)
const close = promisify(fs.close)
const read = promisify(fs.read)
const write = promisify(fs.write)
const fstat = promisify(fs.fstat)
const lstat = promisify(fs.lstat)
const readlink = promisify(fs.readlink)
const fchmod = promisify(fs.fchmod)
const futimes = promisify(fs.futimes)
const fsync = promisify(fs.fsync)
const link = promisify(fs.link)
const unlink = promisify(fs.unlink)
const rename = promisify(fs.rename)

/** More than the threads that do the work, so that none of them waits. */
const PARALLEL_COUNT = 12

/** A name that is no Unicode cannot be asked for. */
const UNNAMEABLE: DiskEntry = {
  kind: 'other',
  sizeBytes: 0,
  storedBytes: 0,
  mode: 0,
  modifiedAtMs: 0,
  identity: '',
  version: '',
}
