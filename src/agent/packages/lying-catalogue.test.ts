import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { ControllerPort } from '../../core/api/controller.ts'
import { CONTROLLER_API } from '../../core/api/hub-api.ts'
import { parseAppRef } from '../../core/app/manifest.ts'
import type { ListedRelease } from '../../core/app/release.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Json } from '../../core/model/store.ts'
import { openPublisherKey } from '../../pki/publisher-key.ts'
import { hashPackage } from '../../store/package-folder.ts'
import { writeAppFolder } from '../../testing/app-folder.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh } from '../../testing/local-mesh.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import type { AppRunner } from '../app-runner.ts'
import type { InstallConsent } from './installed-apps.ts'
import type { Packages } from './packages.ts'

const NOTES = parseAppRef('alice/notes')
const scratch = makeScratchFolder()
const ran: string[] = []
const runner: AppRunner = {
  async start(app) {
    ran.push(`${app.version} ${app.hash}`)
    return {
      state: { is: 'running', pid: 1, sinceMs: 0 as never, restartCount: 0 },
      request: async () => ({ status: 200, headers: {}, body: new Uint8Array() }),
      async [Symbol.asyncDispose]() {},
    }
  },
}
let mesh: LocalMesh
let alice: LocalAgent
let bob: LocalAgent
/** What the controller says instead of the truth. */
let lie: (releases: ListedRelease[]) => ListedRelease[] = releases => releases

const corrupt = (controller: ControllerPort): ControllerPort => ({
  ...controller,
  handlers: {
    ...controller.handlers,
    showReleases: async call => ({ releases: lie((await controller.handlers.showReleases(call)).releases) }),
  },
})

before(async () => {
  mesh = await createLocalMesh({ corrupt })
  await mesh.join('home')
  alice = await mesh.join('alices', { permit: await mesh.invite('alice') })
  bob = await mesh.join('bobs', { permit: await mesh.invite('bob'), runner })
  await publish('1.0.0')
  await publish('1.1.0', { capabilities: { run: ['sh'] } })
})

after(async () => {
  await mesh[Symbol.asyncDispose]()
  scratch[Symbol.dispose]()
})

beforeEach(() => {
  lie = releases => releases
  ran.length = 0
})

const packagesOf = ({ membership }: LocalAgent) => membership.packages as Packages

function publish(version: string, manifest: object = {}, name = 'notes') {
  const folder = writeAppFolder(scratch.file(`${name}-${version}`), version, { name, manifest })
  return packagesOf(alice).publish({ folder, channel: 'stable', users: ['*'], groups: [], isNewKey: false })
}

async function install(change: Partial<InstallConsent> = {}) {
  const { apps } = packagesOf(bob)
  const { release, asks } = await apps.offer(NOTES, change.wish)
  const grants = asks.map(({ key }) => key)
  const meant = { isNewKeyMeant: false, isOlderMeant: false, isStarted: true }
  return apps.install(NOTES, { hash: release.hash, grants, ...meant, ...change })
}

const only =
  (version: string, change: Partial<ListedRelease> = {}) =>
  (releases: ListedRelease[]) =>
    releases.filter(one => one.version === version).map(one => ({ ...one, ...change }))

test('nothing that a controller changes in a release is believed', async () => {
  const other = await openPublisherKey({ readSecret: async () => undefined, writeSecret: async () => {} })
  const asksLess = JSON.stringify({ name: 'notes', version: '1.1.0', entry: 'app.js' })
  const lies: Partial<ListedRelease>[] = [
    { hash: 'f'.repeat(64) },
    { sizeBytes: 34_999_999 },
    { manifestText: asksLess },
    { publicKey: other.publicKey },
    { signature: 'A'.repeat(86) },
    { users: ['*', 'mallory' as never] },
    { publishedAtMs: 0 },
    { mesh: 'another' },
    { channel: 'beta' },
  ]
  for (const change of lies) {
    lie = only('1.1.0', change)
    const wish = change.channel
    await assertRefused(install({ ...(wish && { wish }) }), 'not-trusted')
  }
  // An older release, said to be a newer one.
  lie = only('1.0.0', { version: '9.0.0' as never })
  await assertRefused(install(), 'not-trusted')
  assert.deepEqual(ran, [])
})

test('a release of another app, another mesh or another publisher is not taken for the one that was asked for', async () => {
  await publish('3.0.0', {}, 'game')
  const params = { provider: 'alice' as never, app: 'game' as never }
  const { releases: games } = await alice.membership.link.call(CONTROLLER_API.showReleases, { params })
  lie = () => games
  await assertRefused(install(), 'not-trusted', /another app's release/)
  const foreign = await openPublisherKey({ readSecret: async () => undefined, writeSecret: async () => {} })
  lie = ([release]) => {
    const { isWithdrawn, publicKey, signature, ...body } = release as ListedRelease
    return [{ ...foreign.sign({ ...body, mesh: 'another' }), isWithdrawn }]
  }
  await assertRefused(install(), 'not-trusted')
  assert.deepEqual(ran, [])
})

test('once installed, neither an older release nor another key can be slipped in', async () => {
  await install()
  ran.length = 0
  lie = only('1.0.0')
  await assertRefused(install(), 'conflict', /rollback/)
  const foreign = await openPublisherKey({ readSecret: async () => undefined, writeSecret: async () => {} })
  lie = ([release]) => {
    const { isWithdrawn, publicKey, signature, ...body } = release as ListedRelease
    const version = '1.2.0' as never
    const manifestText = JSON.stringify({ name: 'notes', version })
    return [{ ...foreign.sign({ ...body, version, manifestText }), isWithdrawn }]
  }
  await assertRefused(install(), 'not-trusted', /another key/)
  assert.deepEqual(ran, [])
})

test('a publisher who signs a package with ways out of its folder, or other than it says, gets nobody to run it', async () => {
  const key = await openPublisherKey(alice.packages.secrets)
  const shown = JSON.stringify({ name: 'notes', version: '2.0.0', entry: 'app.js' })
  const asksMore = JSON.stringify({
    name: 'notes',
    version: '2.0.0',
    entry: 'app.js',
    capabilities: { run: ['sh'] },
  })
  const archives = [
    frame({ '../../evil.js': '', 'app.js': '', 'app.json': shown }),
    frame({ '/tmp/evil.js': '', 'app.js': '', 'app.json': shown }),
    frame({ 'app.js': '', 'app.json': asksMore }),
    frame({ 'app.json': shown }),
    Buffer.from('no package at all'),
  ]
  const { self } = alice.membership
  const folder = join(alice.packages.folder, mesh.authority.mesh)
  mkdirSync(folder, { recursive: true })
  const releases = archives.map((archive, at) => {
    const version = `2.0.0` as never
    const hash = hashPackage(archive)
    writeFileSync(join(folder, `${hash}.package`), archive)
    const body = {
      mesh: mesh.authority.mesh as string,
      provider: self.user,
      name: NOTES.name,
      version,
      channel: 'stable',
    }
    const rest = {
      sizeBytes: archive.length,
      manifestText: shown,
      users: ['*' as const],
      groups: [],
      publishedAtMs: at,
    }
    return { ...key.sign({ ...body, ...rest, hash }), isWithdrawn: false }
  })
  for (const { isWithdrawn, ...release } of releases)
    await alice.store.put(`published/test/notes/stable/${release.hash}`, {
      recordVersion: 1,
      release,
    } as unknown as Json)
  alice = await mesh.restart(alice)
  await alice.membership.whenUsable(5_000)
  const codes: string[] = []
  for (const release of releases) {
    lie = () => [release]
    const error: unknown = await install().catch((thrown: unknown) => thrown)
    codes.push(error instanceof MeshError ? error.code : String(error))
  }
  assert.deepEqual(codes, ['bad-message', 'bad-message', 'not-trusted', 'bad-input', 'bad-message'])
  assert.deepEqual(ran, [])
})

/** Frame files in the order given, without any check. */
function frame(files: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(files).map(([path, text]) => [Buffer.from(path), Buffer.from(text)] as const)
  const head = Buffer.alloc(12)
  head.write('ZTMPKG1\n')
  head.writeUInt32BE(entries.length, 8)
  const parts = entries.flatMap(([path, bytes]) => {
    const [pathLength, size] = [Buffer.alloc(2), Buffer.alloc(4)]
    pathLength.writeUInt16BE(path.length)
    size.writeUInt32BE(bytes.length)
    return [pathLength, path, size, bytes]
  })
  return Buffer.concat([head, ...parts])
}
