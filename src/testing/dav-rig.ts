import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { createDisk } from '../agent/disk/open-folder.ts'
import { openTree, type TreePlace } from '../apps/sync/tree-site.ts'
import type { TreeRequest } from '../core/files/tree-requests.ts'
import type { LoopbackRequest } from '../net/loopback-server.ts'
import { answerRequest, createShare } from '../webdav/answer-request.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'
import { makeScratchFolder, type ScratchFolder } from './scratch-folder.ts'

/** What a request was answered with. */
export interface DavTold {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: string
}

/** A share of a scratch folder, without a socket. */
export interface DavRig {
  readonly folder: ScratchFolder
  readonly clock: ManualClock
  /** Ask for something. @param body  text, or pieces as they come */
  ask(
    method: string,
    target: string,
    headers?: Readonly<Record<string, string>>,
    body?: string | AsyncIterable<Uint8Array>,
  ): Promise<DavTold>
  /** Called before each request to the tree; what it throws is what the request ends with. */
  onTreeRequest: (request: TreeRequest) => void | Promise<void>
  /** How often the tree was opened. */
  openCount(): number
}

/** Open a rig; it is closed after the test. */
export function openDavRig(t: TestContext, { foldsNames = false } = {}): DavRig {
  const folder = makeScratchFolder()
  const clock = createManualClock()
  const computer = { disk: { ...createDisk(), home: folder.path }, clock, claims: new Set<string>() }
  let [opened, count]: [Promise<TreePlace> | undefined, number] = [undefined, 0]
  const open = async () => {
    count += 1
    const place = await openTree(computer, { path: folder.path })
    const ask: TreePlace['ask'] = async (request, body) => {
      await rig.onTreeRequest(request)
      return place.ask(request, body)
    }
    return { opened: place.opened, ask, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
  }
  const trees = {
    take() {
      opened ??= open()
      return opened
    },
    drop() {
      void opened?.then(place => place[Symbol.asyncDispose]())
      opened = undefined
    },
  }
  const share = createShare({ trees, now: () => clock.now(), makeId: randomUUID, foldsNames })
  t.after(async () => {
    await (await opened)?.[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })
  const rig: DavRig = {
    folder,
    clock,
    onTreeRequest: () => {},
    openCount: () => count,
    async ask(method, target, headers = {}, body = '') {
      const request: LoopbackRequest = {
        method,
        target,
        header: name => headers[name],
        body: typeof body === 'string' ? pieces(body) : body,
      }
      const answer = await answerRequest(share, request, new Set(['127.0.0.1:7788']))
      let text = ''
      if (typeof answer.body === 'string') text = answer.body
      else for await (const piece of answer.body ?? []) text += Buffer.from(piece)
      return { status: answer.status, headers: answer.headers, body: text }
    },
  }
  return rig
}

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  if (text !== '') yield Buffer.from(text)
}
