import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PEER_API } from '../../core/api/peer-api.ts'
import type { RunnableApp } from '../../core/app/installed-app.ts'
import { parseAppRef } from '../../core/app/manifest.ts'
import { writeAppFolder } from '../../testing/app-folder.ts'
import {
  createLocalMesh,
  type LocalAgent,
  type LocalMesh,
  type LocalMeshOptions,
} from '../../testing/local-mesh.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { makeScratchFolder, type ScratchFolder } from '../../testing/scratch-folder.ts'
import { until } from '../../testing/until.ts'
import type { AppRunner } from '../app-runner.ts'
import type { InstallConsent, InstalledApps } from './installed-apps.ts'
import type { Packages } from './packages.ts'

const NOTES = parseAppRef('alice/notes')

/** What runs apps in these tests: nothing but a list of what would run. Processes are tested with the sandbox. */
class ListedRuns implements AppRunner {
  readonly now: RunnableApp[] = []
  failure: Error | undefined

  async start(app: RunnableApp): ReturnType<AppRunner['start']> {
    if (this.failure !== undefined) throw this.failure
    this.now.push(app)
    return {
      state: { is: 'running', pid: 1, sinceMs: 0 as never, restartCount: 0 },
      request: async ({ path }) => ({ status: 200, headers: {}, body: Buffer.from(path) }),
      [Symbol.asyncDispose]: async () => void this.now.splice(this.now.indexOf(app), 1),
    }
  }

  get versions(): string[] {
    return this.now.map(({ version }) => version)
  }
}

interface Rig extends AsyncDisposable {
  readonly mesh: LocalMesh
  readonly scratch: ScratchFolder
  readonly alice: LocalAgent
  readonly bob: LocalAgent
  readonly runs: ListedRuns
}

async function createRig(options: LocalMeshOptions = {}): Promise<Rig> {
  const mesh = await createLocalMesh(options)
  const scratch = makeScratchFolder()
  await mesh.join('home')
  const alice = await mesh.join('alices', { permit: await mesh.invite('alice') })
  const runs = new ListedRuns()
  const bob = await mesh.join('bobs', { permit: await mesh.invite('bob'), runner: runs })
  return {
    mesh,
    scratch,
    alice,
    bob,
    runs,
    async [Symbol.asyncDispose]() {
      await mesh[Symbol.asyncDispose]()
      scratch[Symbol.dispose]()
    },
  }
}

function packagesOf({ membership }: LocalAgent): Packages {
  assert.ok(membership.packages)
  return membership.packages
}

const EVERYBODY = { channel: 'stable', users: ['*' as const], groups: [], isNewKey: false }

function publish(
  rig: Rig,
  version: string,
  options: Parameters<typeof writeAppFolder>[2] = {},
  wish: object = {},
) {
  const folder = writeAppFolder(rig.scratch.file(`notes-${version}`), version, options)
  return packagesOf(rig.alice).publish({ ...EVERYBODY, folder, ...wish })
}

/** Consent to what is offered, all of it unless said otherwise. */
async function install(local: LocalAgent, change: Partial<InstallConsent> = {}, app = NOTES) {
  const { apps } = packagesOf(local)
  const { release, asks } = await apps.offer(app, change.wish)
  return apps.install(app, {
    hash: release.hash,
    grants: asks.map(({ key }) => key),
    isNewKeyMeant: false,
    isOlderMeant: false,
    isStarted: true,
    ...change,
  })
}

const stateOf = async (apps: InstalledApps) => {
  const { version, state, previous } = await apps.show(NOTES)
  return { version, state, previous }
}

test('an app that was published on one agent is installed on another, and all its life can be had', async () => {
  await using rig = await createRig()
  const { bob, runs } = rig
  const { apps } = packagesOf(bob)
  await publish(rig, '1.0.0', { manifest: { capabilities: { storage: true, network: ['example.com:443'] } } })
  const offer = await apps.offer(NOTES, undefined)
  assert.deepEqual(
    offer.asks.map(({ key, isGranted }) => [key, isGranted]),
    [
      ['network:example.com:443', false],
      ['storage', false],
    ],
  )
  await install(bob, { grants: ['storage'] })
  assert.deepEqual(
    runs.now.map(({ grants }) => [grants.storage, grants.network]),
    [[true, []]],
  )
  await publish(rig, '1.1.0')
  await install(bob)
  assert.deepEqual(await stateOf(apps), { version: '1.1.0', state: 'running', previous: '1.0.0' })
  await apps.rollBack(NOTES)
  assert.deepEqual(runs.versions, ['1.0.0'])
  await apps.rollBack(NOTES)
  await apps.change(NOTES, { isRunning: false })
  assert.deepEqual(await stateOf(apps), { version: '1.1.0', state: 'stopped', previous: '1.0.0' })
  await apps.change(NOTES, { isRunning: true })
  await apps.change(NOTES, { isDisabled: true })
  assert.deepEqual([runs.versions, (await apps.show(NOTES)).state], [[], 'disabled'])
  await assertRefused(apps.change(NOTES, { isRunning: true }), 'conflict', /ztm enable app/)
  await apps.change(NOTES, { isDisabled: false })
  assert.deepEqual(runs.versions, ['1.1.0'])
  await apps.erase(NOTES, false)
  assert.deepEqual([runs.versions, await apps.list()], [[], []])
  await assertRefused(apps.show(NOTES), 'not-found', /ztm install app alice\/notes/)
  assert.deepEqual(readdirSync(join(bob.packages.folder, rig.mesh.authority.mesh)), [])
})

test('what runs comes up again with the agent, what was stopped does not', async () => {
  await using rig = await createRig()
  const { mesh, runs } = rig
  await publish(rig, '1.0.0')
  await publish(rig, '1.0.0', { name: 'other' })
  await install(rig.bob)
  await install(rig.bob, { isStarted: false }, parseAppRef('alice/other'))
  // What a crash left of an install that did not come to its end.
  const folder = join(rig.bob.packages.folder, mesh.authority.mesh)
  for (const name of [`${'0'.repeat(64)}.package`, `${'0'.repeat(64)}.a1.aside`])
    writeFileSync(join(folder, name), '')
  const again = await mesh.restart(rig.bob)
  await until(() => runs.now.length === 1, 'the app runs again')
  assert.deepEqual(
    (await packagesOf(again).apps.list()).map(({ name, state }) => [name, state]),
    [
      ['notes', 'running'],
      ['other', 'stopped'],
    ],
  )
  assert.equal(readdirSync(folder).filter(name => /^0{64}/.test(name)).length, 0)
})

test('nobody manages the apps of another user’s endpoint, and their owner does from anywhere', async () => {
  await using rig = await createRig()
  const { mesh, alice, bob } = rig
  await publish(rig, '1.0.0')
  await install(bob)
  const { endpoint } = bob.membership.self
  const params = { provider: NOTES.provider, app: NOTES.name }
  const session = await alice.membership.peers.session(endpoint)
  const consent = { hash: 'a'.repeat(64), grants: [] }
  const calls = [
    session.call(PEER_API.listApps, {}),
    session.call(PEER_API.showInstalled, { params }),
    session.call(PEER_API.showInstalledLog, { params }),
    session.call(PEER_API.installApp, { params, body: consent }),
    session.call(PEER_API.changeInstalled, { params, body: { isRunning: false } }),
    session.call(PEER_API.rollBack, { params }),
    session.call(PEER_API.eraseInstalled, { params }),
    session.call(PEER_API.publishApp, { params: {}, body: { folder: '/', users: [], groups: [] } }),
  ]
  for (const call of calls) await assertRefused(call, 'denied', /it is bob's, you are alice/)
  const phone = await mesh.join('phone', { permit: await mesh.invite('bob') })
  const own = await phone.membership.peers.session(endpoint)
  const stopped = await own.call(PEER_API.changeInstalled, { params, body: { isRunning: false } })
  assert.deepEqual([stopped.state, rig.runs.versions], ['stopped', []])
})

test('packages come from whoever has them, also when their publisher is gone', async () => {
  await using rig = await createRig()
  const { mesh, alice, bob } = rig
  await publish(rig, '1.0.0')
  await install(bob)
  await alice.membership.link[Symbol.asyncDispose]()
  const carol = await mesh.join('carols', { permit: await mesh.invite('carol'), runner: new ListedRuns() })
  // The hub notices in its own time that a link is gone; until then it is tried in vain and passed over.
  await install(carol)
  const { fields } = await mesh.logged('package.fetched', 'carols')
  assert.equal(fields.peer, bob.membership.self.endpoint)
})

test('a holder that gives other bytes, too many or too few is passed over', async () => {
  await using rig = await createRig()
  const { mesh, alice, bob } = rig
  const { hash } = await publish(rig, '1.0.0', { files: { 'data.txt': 'x'.repeat(5_000) } })
  const file = join(alice.packages.folder, mesh.authority.mesh, `${hash}.package`)
  writeFileSync(file, 'junk')
  await assertRefused(install(bob), 'link-closed')
  await publish(rig, '1.0.1')
  await install(bob)
  assert.equal((await packagesOf(bob).apps.show(NOTES)).version, '1.0.1')
})

test('only those a release is for can see and fetch it', async () => {
  await using rig = await createRig()
  const { mesh, bob, alice } = rig
  const carol = await mesh.join('carols', { permit: await mesh.invite('carol'), runner: new ListedRuns() })
  await publish(rig, '1.0.0', {}, { users: ['bob'] })
  await install(bob)
  await assertRefused(packagesOf(carol).apps.offer(NOTES, undefined), 'not-found')
  const services = await carol.host.services()
  assert.deepEqual(
    services.filter(({ name }) => name.startsWith('tcp/.package.')),
    [],
  )
  assert.equal((await alice.host.services()).filter(({ name }) => name.startsWith('tcp/.package.')).length, 2)
})

test('files that were changed after the install do not run', async () => {
  await using rig = await createRig()
  const { bob, runs } = rig
  await publish(rig, '1.0.0')
  await install(bob)
  const [app] = runs.now
  const { apps } = packagesOf(bob)
  await apps.change(NOTES, { isRunning: false })
  writeFileSync(join(app?.folder ?? '', 'app.js'), 'evil()')
  await assertRefused(apps.change(NOTES, { isRunning: true }), 'not-trusted', /install it again/)
  assert.deepEqual([runs.versions, (await apps.show(NOTES)).state], [[], 'failed'])
  await install(bob)
  assert.deepEqual(runs.versions, ['1.0.0'])
  await apps.change(NOTES, { isRunning: false })
  writeFileSync(join(app?.folder ?? '', 'more.js'), '')
  await assertRefused(apps.change(NOTES, { isRunning: true }), 'not-trusted')
})

test('an update is given nothing that nobody consented to, and only what was offered is installed', async () => {
  await using rig = await createRig()
  const { bob, runs } = rig
  const { hash } = await publish(rig, '1.0.0')
  await publish(rig, '1.1.0', { manifest: { capabilities: { run: ['sh'] } } })
  await assertRefused(install(bob, { hash }), 'conflict', /look again/)
  await assertRefused(install(bob, { grants: ['run:bash'] }), 'bad-input')
  await install(bob, { grants: [] })
  assert.deepEqual(runs.now[0]?.grants.run, [])
})

test('a key that is not that of the first install is refused until it is meant, also after erasing', async () => {
  await using rig = await createRig()
  const { alice, bob } = rig
  await publish(rig, '1.0.0')
  await install(bob)
  await packagesOf(bob).apps.erase(NOTES, false)
  await alice.packages.secrets.writeSecret('publisher-key.pem', await anotherKey(rig))
  await assertRefused(publish(rig, '1.1.0'), 'conflict', /--new-key/)
  await publish(rig, '1.1.0', {}, { isNewKey: true })
  assert.equal((await packagesOf(bob).apps.offer(NOTES, undefined)).isNewKey, true)
  await assertRefused(install(bob), 'not-trusted', /--accept-new-key/)
  await install(bob, { isNewKeyMeant: true })
})

test('an older version than was installed once is refused until it is meant', async () => {
  await using rig = await createRig()
  const { bob } = rig
  await publish(rig, '1.0.0')
  await publish(rig, '1.1.0')
  await install(bob)
  await assertRefused(install(bob, { wish: '1.0.0' }), 'conflict', /--allow-older/)
  await packagesOf(bob).apps.erase(NOTES, false)
  await assertRefused(install(bob, { wish: '1.0.0' }), 'conflict')
  await install(bob, { wish: '1.0.0', isOlderMeant: true })
})

test('an app that cannot start is installed, says why, and keeps nobody from anything', async () => {
  await using rig = await createRig()
  const { bob, runs } = rig
  runs.failure = new Error('boom')
  await publish(rig, '1.0.0')
  assert.equal((await install(bob)).state, 'failed')
  runs.failure = undefined
  const { apps } = packagesOf(bob)
  assert.equal((await apps.change(NOTES, { isRunning: true })).state, 'running')
  assert.match(JSON.stringify(await apps.showLog(NOTES, { level: 'info', limit: 10 })), /not-started/)
})

test('what is taken back is offered to nobody any more', async () => {
  await using rig = await createRig()
  const { alice, bob } = rig
  await publish(rig, '1.0.0')
  await publish(rig, '1.1.0')
  await packagesOf(alice).unpublish(NOTES, { version: '1.1.0' as never })
  assert.equal((await packagesOf(bob).apps.offer(NOTES, undefined)).release.version, '1.0.0')
  await packagesOf(alice).unpublish(NOTES, {})
  await assertRefused(packagesOf(bob).apps.offer(NOTES, undefined), 'not-found', /nothing of it is published/)
  assert.deepEqual(
    (await alice.host.services()).filter(({ name }) => name.startsWith('tcp/.package.')),
    [],
  )
  await assertRefused(packagesOf(bob).unpublish(NOTES, {}), 'denied')
})

/** The publisher's key of another computer. */
async function anotherKey({ mesh, scratch }: Rig): Promise<string> {
  const dave = await mesh.join('daves', { permit: await mesh.invite('dave') })
  await packagesOf(dave).publish({ ...EVERYBODY, folder: writeAppFolder(scratch.file('dave'), '1.0.0') })
  return (await dave.packages.secrets.readSecret('publisher-key.pem')) ?? ''
}
