import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type MirrorDirection, type MirrorInfo, SYNC_API } from '../apps/sync/messages.ts'
import { createSyncApp } from '../apps/sync/sync.ts'
import { makeScratchFolder, type ScratchFolder } from './scratch-folder.ts'
import { createTestMesh, type TestApp } from './test-host.ts'
import { until } from './until.ts'

/** What a mirror may be told beside where its sides are. */
export interface MirrorWords {
  readonly name?: string
  readonly folder?: string
  readonly to?: { endpoint?: string; path: string }
  readonly ignores?: string[]
  readonly direction?: MirrorDirection
}

/** Two endpoints of a user with a folder each, and a mirror between them that the first keeps. */
export interface MirrorRig {
  readonly left: ScratchFolder
  readonly right: ScratchFolder
  readonly near: TestApp
  mirror(words?: MirrorWords): Promise<MirrorInfo>
  info(): Promise<MirrorInfo>
  list(): Promise<readonly MirrorInfo[]>
  change(change: { isPaused?: boolean; direction?: MirrorDirection }): Promise<MirrorInfo>
  end(): Promise<unknown>
  /** End the app of the first endpoint, do something, and start it again. */
  restart(meanwhile: () => void): Promise<void>
  /** Whether the second can be reached; what is open there breaks. */
  setOnline(isOnline: boolean): Promise<void>
  /** Timers go off, or not, while something is waited for. */
  stopTime(): void
  letTimeGo(): void
  until(isSo: (info: MirrorInfo) => boolean): Promise<void>
  inSync(): Promise<void>
  /** Wait until a folder has just these files. */
  becomes(folder: ScratchFolder, contents: Record<string, string>): Promise<void>
  contents(folder: ScratchFolder): Record<string, string>
  trash(folder: ScratchFolder): string[]
}

/** Open a rig; it is closed after the test. */
export function openMirrorRig(t: TestContext): MirrorRig {
  const mesh = createTestMesh()
  const [left, right] = [makeScratchFolder(), makeScratchFolder()]
  const app = createSyncApp()
  const [nearEnd, farEnd] = [mesh.addEndpoint('near'), mesh.addEndpoint('far')]
  let nearApp: TestApp | undefined
  let farApp: TestApp | undefined
  let isTimeGoing = true
  const start = async () => {
    nearApp ??= await nearEnd.start(app)
    if (farEnd.isOnline) farApp ??= await farEnd.start(app)
    return nearApp
  }
  t.after(async () => {
    await mesh[Symbol.asyncDispose]()
    left[Symbol.dispose]()
    right[Symbol.dispose]()
  })
  const params = { endpoint: 'near', mirror: 'm' } as never
  const list = async () => (await (await start()).call(SYNC_API.listMirrors, { params })).mirrors
  const info = async () => {
    const [found] = await list()
    assert.ok(found !== undefined, 'there is no mirror')
    return found
  }
  const waitFor = (isSo: (info: MirrorInfo) => boolean, what: string) =>
    until(async () => {
      if (isTimeGoing) mesh.timers.advance(100)
      return isSo(await info())
    }, what)
  return {
    left,
    right,
    get near() {
      assert.ok(nearApp !== undefined)
      return nearApp
    },
    async mirror({
      name = 'm',
      folder = left.path,
      to = { endpoint: 'far', path: right.path },
      ignores = [],
      direction = 'both',
    } = {}) {
      const body = { name, folder, to, ignores, direction } as never
      return await (await start()).call(SYNC_API.createMirror, { params, body })
    },
    info,
    list,
    change: async change => await (await start()).call(SYNC_API.changeMirror, { params, body: change }),
    end: async () => await (await start()).call(SYNC_API.deleteMirror, { params }),
    async restart(meanwhile) {
      await nearApp?.[Symbol.asyncDispose]()
      nearApp = undefined
      meanwhile()
      await start()
    },
    async setOnline(isOnline) {
      farEnd.isOnline = isOnline
      if (isOnline) return
      await farApp?.[Symbol.asyncDispose]()
      farApp = undefined
    },
    stopTime() {
      isTimeGoing = false
    },
    letTimeGo() {
      isTimeGoing = true
    },
    until: isSo => waitFor(isSo, 'the mirror is as wanted'),
    inSync: () => waitFor(({ state }) => state === 'in sync', 'the mirror is in sync'),
    becomes: (folder, wanted) =>
      waitFor(
        () => {
          const now = JSON.stringify(contentsOf(folder))
          return (
            now ===
            JSON.stringify(Object.fromEntries(Object.entries(wanted).sort(([a], [b]) => (a < b ? -1 : 1))))
          )
        },
        `the folder is ${JSON.stringify(wanted)}`,
      ),
    contents: contentsOf,
    trash: folder => walk(join(folder.path, '.ztm-mirror/trash')),
  }
}

/** Each file of a folder, but for what mirrors keep of their own. */
function contentsOf({ path }: ScratchFolder): Record<string, string> {
  const files = walk(path)
    .filter(file => !file.startsWith('.ztm-'))
    .sort((a, b) => (a < b ? -1 : 1))
  return Object.fromEntries(files.map(file => [file, readOrNothing(join(path, file))]))
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '(gone)'
  }
}

function walk(folder: string): string[] {
  if (!existsSync(folder)) return []
  return (readdirSync(folder, { recursive: true }) as string[]).filter(
    path => statSync(join(folder, path), { throwIfNoEntry: false })?.isFile() === true,
  )
}
