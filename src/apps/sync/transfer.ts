import { createHash } from 'node:crypto'
import type { CopyFile } from '../../core/files/copy-plan.ts'
import type { FileEntry, TreeEntry } from '../../core/files/tree-entry.ts'
import { nameOf, parentOf } from '../../core/files/tree-path.ts'
import { TREE_PIECE_BYTES } from '../../core/files/tree-requests.ts'
import { MeshError, parseErrorBody, toMeshError } from '../../core/model/errors.ts'
import { MAX_SMALL_BYTES } from './tree-reading.ts'
import type { TreePlace } from './tree-site.ts'

/** Files on their way from one tree to another. */
export interface Transfer {
  readonly source: TreePlace
  readonly target: TreePlace
  /** Wait until so many bytes may be sent. */
  readonly pace: (byteCount: number) => Promise<void>
  /** Hears of bytes that are done. @param sentBytes  of them, those that went over */
  readonly onBytes: (byteCount: number, sentBytes: number) => void
  readonly signal: AbortSignal
}

/** What became of a file. */
export interface Sent {
  readonly file: CopyFile
  /** What the source had when it was read. */
  readonly from?: FileEntry
  /** What is at the target now. */
  readonly to?: TreeEntry
  readonly error?: MeshError
}

/**
 * Send files: small ones many in one message, large ones in pieces of which only those go that the target does not have,
 * each written aside and renamed. One that fails does not end the others.
 *
 * @param onSent  hears of each file, in no order
 * @throws MeshError if a connection breaks, or `signal` fires
 */
export async function sendFiles(
  transfer: Transfer,
  files: readonly CopyFile[],
  onSent: (sent: Sent) => void,
): Promise<void> {
  const large: CopyFile[] = []
  const single: CopyFile[] = []
  const small: CopyFile[] = []
  for (const file of files) {
    if (file.entry.size <= MAX_SMALL_BYTES) small.push(file)
    else (file.entry.size <= TREE_PIECE_BYTES ? single : large).push(file)
  }
  await inLanes(SMALL_LANES, batchesOf(small), async batch => {
    for (const sent of await sendBatch(transfer, batch)) {
      // It has grown.
      if (sent.error?.code === 'too-large') single.push(sent.file)
      else onSent(sent)
    }
  })
  await inLanes(SINGLE_LANES, single, async file => onSent(await again(transfer, file, sendSingle)))
  await inLanes(LARGE_LANES, large, async file => onSent(await again(transfer, file, sendLarge)))
}

async function inLanes<T>(count: number, items: T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < items.length) await work(items[next++] as T)
  }
  await Promise.all(Array.from({ length: Math.min(count, items.length) }, lane))
}

/** Files of one folder that go to one folder, as many as fit. */
function batchesOf(files: readonly CopyFile[]): CopyFile[][] {
  const batches: CopyFile[][] = []
  let batch: CopyFile[] = []
  let bytes = 0
  for (const file of files) {
    const first = batch[0]
    const isSameFolder =
      first !== undefined &&
      parentOf(first.path) === parentOf(file.path) &&
      parentOf(first.to) === parentOf(file.to)
    if (!isSameFolder || batch.length >= BATCH_FILES || bytes + file.entry.size > TREE_PIECE_BYTES) {
      batch = []
      bytes = 0
      batches.push(batch)
    }
    batch.push(file)
    bytes += file.entry.size
  }
  return batches
}

async function sendBatch(transfer: Transfer, batch: readonly CopyFile[], tries = 0): Promise<Sent[]> {
  const { source, target, pace, onBytes, signal } = transfer
  signal.throwIfAborted()
  const first = batch[0] as CopyFile
  await pace(batch.reduce((sum, { entry }) => sum + entry.size, 0))
  const names = batch.map(({ path }) => nameOf(path))
  const fetched = await source.ask({ do: 'fetch', folder: parentOf(first.path) ?? '', names })
  const sent: Sent[] = []
  const going: { file: CopyFile; entry: FileEntry; size: number }[] = []
  const changed: CopyFile[] = []
  for (const [index, file] of batch.entries()) {
    const got = fetched.answer.files?.[index]
    if (got !== undefined && 'entry' in got && got.entry.kind === 'file') {
      going.push({ file, entry: got.entry as FileEntry, size: got.size })
    } else {
      const error = faultOf(got)
      if (error.code === 'conflict' && tries < MAX_TRIES) changed.push(file)
      else sent.push({ file, error })
    }
  }
  if (going.length > 0) {
    const files = going.map(({ file, entry, size }) => ({
      name: nameOf(file.to),
      size,
      ...newFile(file, entry),
    }))
    const put = await target.ask({ do: 'put', folder: parentOf(first.to) ?? '', files }, fetched.body)
    for (const [index, { file, entry, size }] of going.entries()) {
      const result = put.answer.results?.[index]
      if (result === undefined || !('entry' in result) || result.entry === null)
        sent.push({ file, error: faultOf(result) })
      else {
        onBytes(size, size)
        sent.push({ file, from: entry, to: result.entry as TreeEntry })
      }
    }
  }
  if (changed.length > 0) sent.push(...(await sendBatch(transfer, changed, tries + 1)))
  return sent
}

/** Once more if it was changed while it was read; what fails otherwise is told. */
async function again(
  transfer: Transfer,
  file: CopyFile,
  send: (transfer: Transfer, file: CopyFile) => Promise<Sent>,
): Promise<Sent> {
  let now = file
  for (let tries = 0; ; tries++) {
    transfer.signal.throwIfAborted()
    try {
      return await send(transfer, now)
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (isBroken(error) || transfer.signal.aborted) throw error
      if (!CHANGED.has(error) || tries >= MAX_TRIES) return { file, error }
      const { answer } = await transfer.source.ask({ do: 'look', paths: [file.path] })
      const entry = answer.entries?.[0]
      if (entry?.kind !== 'file') return { file, error }
      now = { ...file, entry: entry as FileEntry }
      if (now.entry.size > TREE_PIECE_BYTES) send = sendLarge
    }
  }
}

/** The source was changed while it was read: what was planned is no more. */
function changedMeanwhile(): MeshError {
  const error = new MeshError('conflict', 'Cannot copy it: it is changed while it is read')
  CHANGED.add(error)
  return error
}

async function sendSingle(transfer: Transfer, file: CopyFile): Promise<Sent> {
  const { source, target, pace, onBytes } = transfer
  const { size } = file.entry
  await pace(size)
  const read = await source.ask({ do: 'read', path: file.path, offset: 0, size: TREE_PIECE_BYTES })
  const entry = read.answer.entry as FileEntry
  if (entry.size !== size || read.answer.size !== size) throw changedMeanwhile()
  const bytes = read.body.length === 0 ? new Uint8Array(size) : read.body
  const files = [{ name: nameOf(file.to), size, ...newFile(file, entry) }]
  const { answer } = await target.ask({ do: 'put', folder: parentOf(file.to) ?? '', files }, bytes)
  const result = answer.results?.[0]
  if (result === undefined || !('entry' in result) || result.entry === null)
    return { file, error: faultOf(result) }
  onBytes(size, size)
  return { file, from: entry, to: result.entry as TreeEntry }
}

async function sendLarge(transfer: Transfer, file: CopyFile): Promise<Sent> {
  const { source, target, signal } = transfer
  const { path, to, entry } = file
  const mark = `${source.opened.root}\0${path}\0${entry.size}\0${entry.mtimeMs}\0${entry.version}`
  const part = { path: to, key: createHash('sha256').update(mark).digest('hex').slice(0, 16) }
  const opened = await target.ask({ do: 'open-part', ...part })
  try {
    const partBytes = opened.answer.size ?? 0
    const equal = await findEqualPieces(transfer, file, part.key, partBytes)
    await sendPieces(transfer, file, { part, partBytes, equal })
    const [now] = (await source.ask({ do: 'look', paths: [path] })).answer.entries ?? []
    if (now?.kind !== 'file' || now.version !== entry.version) throw changedMeanwhile()
    const placed = await target.ask({ do: 'place', ...part, size: entry.size, ...newFile(file, entry) })
    return { file, from: entry, to: placed.answer.entry as TreeEntry }
  } catch (error) {
    // What came stays for the next time, unless nobody wants it or it is of no use.
    const isUseless = signal.aborted || !isBroken(toMeshError(error))
    if (isUseless) await target.ask({ do: 'drop-part', ...part }).catch(() => {})
    throw error
  }
}

/** Which pieces need not be sent: of the part that came before, or of what the file replaces. */
async function findEqualPieces(
  { source, target }: Transfer,
  { path, to, entry, over }: CopyFile,
  key: string,
  partBytes: number,
): Promise<Map<number, 'part' | 'old'>> {
  const pieceCount = Math.ceil(entry.size / TREE_PIECE_BYTES)
  const equal = new Map<number, 'part' | 'old'>()
  const compare = async (what: 'part' | 'old', end: number) => {
    for (let first = 0; first < end; first += HASHED_AT_ONCE) {
      const count = Math.min(HASHED_AT_ONCE, end - first)
      const [own, far] = await Promise.all([
        source.ask({ do: 'hash', path, first, count }),
        target.ask({ do: 'hash', path: to, first, count, ...(what === 'part' && { key }) }),
      ])
      for (let index = 0; index < count; index++) {
        const [one, other] = [own, far].map(({ body }) => body.subarray(index * 32, index * 32 + 32))
        if (one?.length === 32 && Buffer.from(one).equals(other as Uint8Array)) equal.set(first + index, what)
        else if (what === 'part') return
      }
    }
  }
  if (over?.kind === 'file')
    await compare('old', Math.min(pieceCount, Math.ceil(over.size / TREE_PIECE_BYTES)))
  // The last piece of a part may be half of one.
  await compare('part', Math.min(pieceCount, Math.floor(partBytes / TREE_PIECE_BYTES)))
  return equal
}

interface PieceTerms {
  readonly part: { readonly path: string; readonly key: string }
  /** What the part had before. */
  readonly partBytes: number
  /** Pieces that need not be sent. */
  readonly equal: ReadonlyMap<number, 'part' | 'old'>
}

async function sendPieces(
  transfer: Transfer,
  { path, entry }: CopyFile,
  { part, partBytes, equal }: PieceTerms,
): Promise<void> {
  const { source, target, pace, onBytes, signal } = transfer
  const pieceCount = Math.ceil(entry.size / TREE_PIECE_BYTES)
  let turn: Promise<unknown> = Promise.resolve()
  let next = 0
  const sendNext = async () => {
    signal.throwIfAborted()
    const piece = next++
    const offset = piece * TREE_PIECE_BYTES
    const size = Math.min(TREE_PIECE_BYTES, entry.size - offset)
    const before = turn
    const { promise, resolve } = Promise.withResolvers<void>()
    turn = promise
    try {
      const known = equal.get(piece)
      if (known !== undefined) {
        await before
        if (known === 'old') await target.ask({ do: 'reuse', ...part, offset, size })
        onBytes(size, 0)
        return
      }
      await pace(size)
      const read = await source.ask({ do: 'read', path, offset, size })
      const now = read.answer.entry
      if (now?.kind !== 'file' || now.version !== entry.version || read.answer.size !== size)
        throw changedMeanwhile()
      // In their order, so that the part is whole up to its end.
      await before
      const isLast = piece === pieceCount - 1
      const isHole = read.body.length === 0
      let write: Promise<unknown> = Promise.resolve()
      if (!isHole) write = target.ask({ do: 'write', ...part, offset }, read.body)
      else if (offset < partBytes) write = target.ask({ do: 'write', ...part, offset }, new Uint8Array(size))
      else if (isLast) write = target.ask({ do: 'write', ...part, offset: entry.size - 1 }, new Uint8Array(1))
      // Its turn is over when it is on its way: the target takes them in order.
      resolve()
      await write
      onBytes(size, isHole ? 0 : size)
    } catch (error) {
      // The others need not begin.
      next = pieceCount
      throw error
    } finally {
      resolve()
    }
  }
  const lane = async () => {
    while (next < pieceCount) await sendNext()
  }
  await Promise.all(Array.from({ length: Math.min(PIECES_AT_ONCE, pieceCount) }, lane))
}

function newFile({ over }: CopyFile, { mode, mtimeMs }: FileEntry) {
  // Nothing may be there that was not seen; what is of no known version, is whatever is there.
  const version = over === undefined ? null : 'version' in over ? over.version : undefined
  return { mode: mode ?? 0o644, mtimeMs, ...(version !== undefined && { over: version }) }
}

/** The error of one of many. */
export function faultOf(result: unknown): MeshError {
  return parseErrorBody(result) ?? new MeshError('bad-message', 'The endpoint did not say what became of it')
}

/** Whether a connection broke, so that nothing else can be done either. */
export function isBroken({ code }: MeshError): boolean {
  return code === 'link-closed' || code === 'offline' || code === 'unreachable' || code === 'timed-out'
}

const CHANGED = new WeakSet<MeshError>()
const BATCH_FILES = 128
/** Batches on their way at once. */
const SMALL_LANES = 8
const SINGLE_LANES = 8
const LARGE_LANES = 2
/** Pieces of one file on their way at once: with fewer, a long way would stand idle. */
const PIECES_AT_ONCE = 16
const HASHED_AT_ONCE = 64
/** How often a file is read again that is changed meanwhile. */
const MAX_TRIES = 3
