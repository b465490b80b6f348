import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { type LocalServer, startLocalServer } from '../agent/local-server.ts'
import type { EndpointRecord, InvitationRecord } from '../controller/records.ts'
import { type EndpointId, parseEndpointId } from '../core/model/ids.ts'
import { parseName, parseUserName } from '../core/model/names.ts'
import type { Json } from '../core/model/store.ts'
import { ms } from '../core/model/time.ts'
import { openPageFiles } from '../store/page-files.ts'
import { startBrowser } from './browser.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh, MESH_NAME } from './local-mesh.ts'
import { visitPage } from './page-visit.ts'
import { makeScratchFolder } from './scratch-folder.ts'

/** An endpoint that a controller knows and that runs no agent. */
export interface CrowdMember {
  readonly name: string
  readonly user: string
  readonly labels?: readonly string[]
  readonly version?: string
  readonly isOnline?: boolean
}

/** The web page of a real agent in a mesh with a crowd of endpoints, which exist at the hub's controller alone. */
export interface CrowdedPage extends AsyncDisposable {
  readonly mesh: LocalMesh
  readonly home: LocalAgent
  readonly server: LocalServer
  readonly browser: Browser
  /** Where the page is: `http://localhost:PORT`, and its mesh below it. */
  readonly url: string
  readonly meshUrl: string
  readonly token: string
  /** Ids of the crowd, in the order they were given. */
  readonly ids: readonly EndpointId[]
  /** Say at the hub that a link of an endpoint of the crowd opened, or closed. */
  connect(index: number, isOnline?: boolean): void
  visit(t: TestContext, options?: BrowserContextOptions): Promise<Page>
}

/**
 * Start hub, agent and browser. The agent runs in this process, as does the hub; the browser does not.
 *
 * @param options.invited  users who have an invitation and no endpoint yet
 */
export async function createCrowdedPage(
  crowd: readonly CrowdMember[],
  { invited = [], ...options }: Parameters<LocalMesh['join']>[1] & { invited?: readonly string[] } = {},
): Promise<CrowdedPage> {
  const folder = makeScratchFolder()
  const ids = crowd.map(() => parseEndpointId(randomUUID()))
  const records = crowd.map((member, index) => recordOf(member, ids[index] as EndpointId))
  const mesh = await createLocalMesh({
    async furnish(store) {
      const invitations = invited.map(invitationOf)
      await Promise.all([
        ...records.map(record => store.put(`endpoint/${record.id}`, record as unknown as Json)),
        ...invitations.map(one => store.put(`invitation/${one.id}`, one as unknown as Json)),
      ])
    },
  })
  const home = await mesh.join('home', options)
  const token = randomBytes(32).toString('base64url')
  const server = await startLocalServer({
    agent: home.agent,
    dataFolder: folder.path,
    socketPath: folder.file('agent.sock'),
    listen: { host: '127.0.0.1', port: 0 },
    token,
    metrics: async () => '',
    stop() {},
    page: openPageFiles(join(import.meta.dirname, '../../build/page')),
  })
  const browser = await startBrowser()
  const url = `http://localhost:${server.address?.port}`
  function connect(index: number, isOnline = true): void {
    const id = ids[index] as EndpointId
    const now = ms(Date.now())
    const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:40000`
    if (isOnline) mesh.controller.connected(id, address, now)
    else mesh.controller.disconnected(id, now)
  }
  crowd.forEach(({ isOnline }, index) => {
    if (isOnline) connect(index)
  })
  return {
    mesh,
    home,
    server,
    browser,
    url,
    meshUrl: `${url}/${MESH_NAME}`,
    token,
    ids,
    connect,
    visit: (t, how) => visitPage(t, browser, url, how),
    async [Symbol.asyncDispose]() {
      await browser.close()
      await server[Symbol.asyncDispose]()
      await mesh[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

/** So many endpoints of 40 users with 12 labels; seven of ten are online. */
export function makeCrowd(count: number): CrowdMember[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `node-${String(index).padStart(5, '0')}`,
    user: `user-${String(index % 40).padStart(2, '0')}`,
    labels: index % 5 === 0 ? [] : [`site-${index % 12}`, ...(index % 7 === 0 ? ['edge'] : [])],
    isOnline: index % 10 < 7,
  }))
}

function recordOf(
  { name, user, labels = [], version = '0.1.0' }: CrowdMember,
  id: EndpointId,
): EndpointRecord {
  return {
    version: 1,
    id,
    name: parseName(name),
    user: parseUserName(user),
    key: randomBytes(32).toString('hex'),
    labels: labels.map(label => parseName(label)),
    software: version,
    createdAtMs: 1,
    enrolledAtMs: 1,
    certificate: { serial: '01', issuedAtMs: 1, expiresAtMs: 1 },
  }
}

function invitationOf(user: string): InvitationRecord {
  return {
    version: 1,
    id: randomUUID(),
    user: parseUserName(user),
    secretHash: randomBytes(32).toString('base64url'),
    by: parseUserName('root'),
    createdAtMs: Date.now(),
    expiresAtMs: Date.now() + 86_400_000,
    labels: [],
    state: { is: 'open' },
  }
}

/** So many users: `person-0000` and on. */
export function makePeople(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `person-${String(index).padStart(4, '0')}`)
}
