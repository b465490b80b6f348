import { readdirSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { SYNC_API } from '../apps/sync/messages.ts'
import { createSyncApp } from '../apps/sync/sync.ts'
import { createTreeFrameDecoder } from '../core/codec/tree-frame.ts'
import {
  type CopyEvent,
  type CopyRequest,
  copyEventShape,
  type DiskChangeRequest,
  parseCopyPlace,
} from '../core/files/copy-request.ts'
import type { App } from '../sdk/app.ts'
import { encodeSmallMessage } from '../sdk/for-apps/small-message.ts'
import { makeScratchFolder, type ScratchFolder } from './scratch-folder.ts'
import { createStreamPair } from './stream-pair.ts'
import { createTestMesh, type TestMesh } from './test-host.ts'
import { until } from './until.ts'

/** What a copy told. */
export interface CopyTold {
  readonly events: CopyEvent[]
  readonly ended: Extract<CopyEvent, { event: 'ended' }> | undefined
  readonly refused: { code: string; message: string } | undefined
}

type Copy = (
  from: string,
  to: string,
  options?: Partial<CopyRequest>,
  onStream?: (stream: Duplex) => void,
) => Promise<CopyTold>

/** Two endpoints of a user and one of `bob`, with a folder each for the first two. */
export interface CopyRig {
  readonly mesh: TestMesh
  readonly near: ScratchFolder
  readonly far: ScratchFolder & { whenEmpty(): Promise<void> }
  /** Copy by the near endpoint; a source that ends in a slash is its contents. */
  readonly copy: Copy
  /** Copy by the endpoint of bob. */
  readonly asOther: Copy
  /** Have one of the endpoints, `near` or `other`, change something on a disk. */
  change(by: string, change: DiskChangeRequest): Promise<CopyTold>
  grant(grant: { folder: string; users?: string[]; groups?: string[]; mayWrite?: boolean }): Promise<unknown>
  /** Frames that went to the far endpoint. */
  askCount(): number
  /** Break the next connection when so much went over it. */
  cutAfterBytes(byteCount: number): void
  /** When something was told, turn the clock on. */
  turnClock(after: CopyEvent['event'], ms: number): Promise<void>
}

/** Open a rig; it is closed after the test. */
export function openCopyRig(t: TestContext): CopyRig {
  const mesh = createTestMesh()
  const [near, far] = [makeScratchFolder(), makeScratchFolder()]
  const wire = createWire()
  const app = wire.tap(createSyncApp())
  const locals: Record<string, (stream: Duplex) => void> = {}
  const starting = (['near', 'far', 'other'] as const).map(name => {
    const endpoint = mesh.addEndpoint(name, name === 'other' ? 'bob' : 'root')
    return endpoint.start({
      ...app,
      async start(host) {
        const instance = await app.start(host)
        if (instance.receiveLocal !== undefined) locals[name] = instance.receiveLocal
        return instance
      },
    })
  })
  t.after(async () => {
    await mesh[Symbol.asyncDispose]()
    near[Symbol.dispose]()
    far[Symbol.dispose]()
  })
  const told: CopyEvent[] = []
  const ask = async (name: string, request: unknown, onStream: (stream: Duplex) => void = () => {}) => {
    await Promise.all(starting)
    const [here, there] = createStreamPair()
    locals[name]?.(there)
    here.on('error', () => {})
    here.write(encodeSmallMessage(request))
    onStream(here)
    return await readEvents(here, told)
  }
  const copyBy =
    (name: string): Copy =>
    (from, to, options = {}, onStream = () => {}) => {
      const [source, target] = [parseCopyPlace(from), parseCopyPlace(to)]
      const isContents = from.endsWith('/')
      return ask(name, { kind: 'copy', from: source, to: target, isContents, ...options }, onStream)
    }
  return {
    mesh,
    near,
    far: {
      ...far,
      whenEmpty: () => until(() => readdirSync(far.path).length === 0, 'the far folder is empty'),
    },
    copy: copyBy('near'),
    change: ask,
    asOther: copyBy('other'),
    async grant({ folder, users = [], groups = [], mayWrite = false }) {
      const endpoint = await starting[1]
      const body = { folder, users, groups, mayWrite } as never
      return await endpoint?.call(SYNC_API.putGrant, { params: { endpoint: 'far' }, body })
    },
    askCount: wire.askCount,
    cutAfterBytes: wire.cutAfterBytes,
    async turnClock(after, ms) {
      await until(() => told.some(({ event }) => event === after), `"${after}" was told`)
      mesh.timers.advance(ms)
    },
  }
}

async function readEvents(stream: Duplex, told: CopyEvent[]): Promise<CopyTold> {
  let text = ''
  await new Promise<void>(resolve => {
    stream.on('data', chunk => {
      text += chunk
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      told.push(...lines.map(line => copyEventShape.parse(JSON.parse(line))))
    })
    stream.once('end', resolve)
    stream.once('close', resolve)
  })
  stream.destroy()
  const events = told.splice(0)
  return {
    events,
    ended: events.find(event => event.event === 'ended'),
    refused: events.find(event => event.event === 'refused')?.error,
  }
}

/** What goes over the wire from whoever dials. */
function createWire() {
  let askCount = 0
  let leftBytes = Number.POSITIVE_INFINITY
  const watch = (stream: Duplex) => {
    const decoder = createTreeFrameDecoder()
    const write = stream.write.bind(stream) as (chunk: Uint8Array) => boolean
    stream.write = ((chunk: Uint8Array) => {
      askCount += decoder.push(chunk).length
      leftBytes -= chunk.length
      if (leftBytes > 0) return write(chunk)
      leftBytes = Number.POSITIVE_INFINITY
      stream.destroy()
      return false
    }) as Duplex['write']
    return stream
  }
  return {
    askCount: () => askCount,
    cutAfterBytes(byteCount: number) {
      leftBytes = byteCount
    },
    tap: (app: App): App => ({
      ...app,
      start: host =>
        app.start({
          ...host,
          dial(service, options) {
            const dialing = host.dial(service, options)
            const opened = dialing.opened.then(found => ({ ...found, stream: watch(found.stream) }))
            opened.catch(() => {})
            return { opened, write: bytes => dialing.write(bytes), cancel: () => dialing.cancel() }
          },
        }),
    }),
  }
}
