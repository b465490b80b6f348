import { CONTROLLER_API } from '../../core/api/hub-api.ts'
import type { InstalledInfo, InstallOffer } from '../../core/api/installed-api.ts'
import type { LogLines } from '../../core/api/shapes.ts'
import { grantOnly } from '../../core/app/capabilities.ts'
import { appId, type RunnableApp } from '../../core/app/installed-app.ts'
import { type AppRef, SYSTEM_PROVIDER } from '../../core/app/manifest.ts'
import { isNewer, type ListedRelease, manifestOf, type Release } from '../../core/app/release.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { MeshId } from '../../core/model/ids.ts'
import type { Log, LogLevel } from '../../core/model/log.ts'
import type { Name } from '../../core/model/names.ts'
import type { Clock } from '../../core/model/time.ts'
import { verifyRelease } from '../../pki/publisher-key.ts'
import type { Host } from '../../sdk/app.ts'
import type { AppRequest, AppResponse, AppRunner, RunningPackage } from '../app-runner.ts'
import type { HubLink } from '../hub-link.ts'
import { type AppLog, createAppLog } from './app-log.ts'
import { createInstallProgresses } from './install-progress.ts'
import type { InstalledRecord, InstalledRecords } from './installed-records.ts'
import { chooseTrusted, describeInstalled, describeOffer, isOlder } from './offer.ts'
import type { PackageExchange } from './package-exchange.ts'
import { openSignedArchive, type PackageShelf } from './package-shelf.ts'

/** What installed apps need of their membership. */
export interface InstalledAppsOptions {
  readonly mesh: MeshId
  /** As it is called here. */
  readonly meshName: Name
  readonly link: Pick<HubLink, 'call'>
  readonly records: InstalledRecords
  readonly shelf: PackageShelf
  readonly exchange: PackageExchange
  /** Nothing can be started without it. */
  readonly runner: AppRunner | undefined
  /** Everything an app of this name can reach here. */
  readonly hostOf: (app: AppRef, log: Log) => Host
  readonly clock: Clock
  readonly log: Log
  readonly onChange: () => void
}

/** What a person consented to. */
export interface InstallConsent {
  readonly wish?: string | undefined
  readonly hash: string
  readonly grants: readonly string[]
  readonly isNewKeyMeant: boolean
  readonly isOlderMeant: boolean
  readonly isStarted: boolean
}

/** An app as it is in this process. */
interface Life {
  readonly log: AppLog
  running?: RunningPackage | undefined
  /** What runs, or ran last. */
  app?: RunnableApp | undefined
  error?: MeshError | undefined
  isStarting: boolean
}

/** The apps from elsewhere that one endpoint has in one mesh. Changes run one after another; fetching does not hold them up. */
export class InstalledApps implements AsyncDisposable {
  readonly #options: InstalledAppsOptions
  readonly #lives = new Map<string, Life>()
  readonly progress = createInstallProgresses()
  #turn: Promise<unknown> = Promise.resolve()
  #isDisposed = false

  /** Make them; `start` brings up those that were running. */
  constructor(options: InstalledAppsOptions) {
    this.#options = options
  }

  /** Give what is held, and start what is wanted to run; does not wait for apps to be up. */
  async start(): Promise<void> {
    await this.settle()
    for (const record of await this.#options.records.installed())
      if (record.isStarted && !record.isDisabled && record.current !== undefined)
        void this.inTurn(() => this.#run(record))
  }

  /** Those that are installed, by name. */
  async list(): Promise<InstalledInfo[]> {
    const records = await this.#options.records.installed()
    return records
      .flatMap(record => this.#describe(record) ?? [])
      .sort((a, b) => (appId(a) < appId(b) ? -1 : 1))
  }

  /** @throws MeshError `not-found` */
  async show(app: AppRef): Promise<InstalledInfo> {
    return this.#shown(await this.#require(app))
  }

  /** What the app logged lately. @throws MeshError `not-found` */
  async showLog(
    app: AppRef,
    query: { sinceMs?: number | undefined; level: LogLevel; limit: number },
  ): Promise<LogLines> {
    await this.#require(app)
    return this.#life(app).log.lines(query)
  }

  /** What an install would do. @throws MeshError as `chooseTrusted`, and as a call of the controller */
  async offer(app: AppRef, wish: string | undefined): Promise<InstallOffer> {
    const known = await this.#options.records.find(app)
    return describeOffer(await this.#choose(app, wish, known), known)
  }

  /**
   * Install, or update to, just what a person consented to.
   *
   * @throws MeshError `conflict` if the catalogue offers something else by now, or an older version than was installed; `not-trusted`
   *   for another key, a wrong signature, or bytes that are not those signed; `too-many`; and as fetching and writing
   */
  async install(app: AppRef, consent: InstallConsent): Promise<InstalledInfo> {
    const { shelf, exchange, records } = this.#options
    const release = await this.#choose(app, consent.wish, await records.find(app))
    if (release.hash !== consent.hash)
      throw new MeshError(
        'conflict',
        `Cannot install ${appId(app)}: another version is offered by now: look again`,
      )
    const fetch = (onBytes: (receivedBytes: number) => void) => exchange.fetch(release, onBytes)
    const archive = (await shelf.archive(release.hash)) ?? (await this.progress.track(release, fetch))
    return this.inTurn(async () => {
      const known = await records.find(app)
      this.#checkConsent(release, known, consent)
      if (known?.current === undefined) await this.#checkRoom(app)
      const grants = grantOnly(manifestOf(release).capabilities, consent.grants)
      const content = openSignedArchive(archive, release)
      const before = known?.current
      const isSame = before?.release.hash === release.hash
      if (isSame) await this.#stop(app)
      await shelf.keep(release.hash, archive)
      await shelf.unpack(release.hash, content)
      await this.#stop(app)
      const previous = isSame ? known?.previous : before
      const record: InstalledRecord = {
        recordVersion: 1,
        ...app,
        publicKey: release.publicKey,
        highest: known && isNewer(known.highest, release.version) ? known.highest : release.version,
        current: { release: unlisted(release), grants, atMs: this.#options.clock.now() },
        ...(previous && { previous }),
        isStarted: consent.isStarted,
        isDisabled: known?.isDisabled ?? false,
      }
      await records.put(record)
      this.#options.log.info('app.installed', {
        app: appId(app),
        version: release.version,
        hash: release.hash,
      })
      await this.settle()
      if (record.isStarted && !record.isDisabled) await this.#run(record)
      return this.#shown(record)
    })
  }

  /** Start, stop, disable or enable. @throws MeshError `not-found`, `conflict` for one that is disabled, and why it cannot start */
  change(
    app: AppRef,
    wish: { isRunning?: boolean | undefined; isDisabled?: boolean | undefined },
  ): Promise<InstalledInfo> {
    return this.inTurn(async () => {
      const before = await this.#require(app)
      const record = {
        ...before,
        isStarted: wish.isRunning ?? before.isStarted,
        isDisabled: wish.isDisabled ?? before.isDisabled,
      }
      if (wish.isRunning === true && record.isDisabled)
        throw new MeshError(
          'conflict',
          `Cannot start ${appId(app)}: it is disabled: \`ztm enable app ${appId(app)}\``,
        )
      await this.#options.records.put(record)
      const isWanted = record.isStarted && !record.isDisabled
      const state = this.#life(app).running?.state.is
      if (!isWanted || (wish.isRunning === true && state !== 'running')) await this.#stop(app)
      if (isWanted && this.#life(app).running === undefined) await this.#run(record)
      const { error } = this.#life(app)
      if (wish.isRunning === true && error !== undefined) throw error
      return this.#shown(record)
    })
  }

  /** Go back to the version before, with what that was granted. @throws MeshError `not-found` */
  rollBack(app: AppRef): Promise<InstalledInfo> {
    return this.inTurn(async () => {
      const before = await this.#require(app)
      const { current, previous } = before
      if (previous === undefined)
        throw new MeshError('not-found', `Cannot roll back ${appId(app)}: no version before this one is kept`)
      await this.#stop(app)
      const record = { ...before, current: previous, previous: current }
      await this.#options.records.put(record)
      this.#options.log.info('app.rolled-back', { app: appId(app), version: previous.release.version })
      if (record.isStarted && !record.isDisabled) await this.#run(record)
      return this.#shown(record)
    })
  }

  /** Erase it; its publisher's key and highest version are remembered. @throws MeshError `not-found` */
  erase(app: AppRef, isDataKept: boolean): Promise<void> {
    return this.inTurn(async () => {
      const { current, previous, ...rest } = await this.#require(app)
      await this.#stop(app)
      await this.#options.records.put({ ...rest, isStarted: false, isDisabled: false })
      if (!isDataKept) {
        await this.#options.records.deleteData(app)
        await this.#options.runner?.forget?.(this.#options.meshName, app)
      }
      this.#lives.delete(appId(app))
      await this.settle()
      this.#options.log.info('app.erased', { app: appId(app) })
      this.#options.onChange()
    })
  }

  /** Ask the API of a running app. @throws MeshError `not-found`, `offline`, and as `RunningPackage.request` */
  async request(app: AppRef, request: AppRequest): Promise<AppResponse> {
    return this.#running(await this.#require(app)).request(request)
  }

  /** Takes streams of this computer's user to a running app, if it does. @param id  `alice/notes` */
  receiver(id: string | undefined): RunningPackage['receiveLocal'] {
    return this.#lives.get(id ?? '')?.running?.receiveLocal
  }

  /** An installed app's files, which were compared with its hash when it started. @throws MeshError `not-found`, `offline` */
  async files(app: AppRef): Promise<RunnableApp> {
    const record = await this.#require(app)
    this.#running(record)
    return this.#life(record).app ?? (await this.#runnable(record))
  }

  /** Give what is installed or published, and throw away the packages of everything else. */
  async settle(): Promise<void> {
    const { records, exchange, shelf } = this.#options
    const installed = (await records.installed()).flatMap(({ current, previous }) =>
      [current, previous].flatMap(one => one?.release ?? []),
    )
    const published = (await records.published()).map(({ release }) => release)
    await exchange.hold([...installed, ...published])
    await shelf.removeAllBut(new Set([...installed, ...published].map(({ hash }) => hash)))
  }

  /** End all apps. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    await this.#turn.catch(() => {})
    await Promise.all([...this.#lives.values()].map(life => life.running?.[Symbol.asyncDispose]()))
    await this.#options.exchange[Symbol.asyncDispose]()
  }

  async #choose(
    app: AppRef,
    wish: string | undefined,
    known: InstalledRecord | undefined,
  ): Promise<ListedRelease> {
    const { link, mesh } = this.#options
    if (app.provider === SYSTEM_PROVIDER)
      throw new MeshError(
        'not-found',
        `Cannot install ${appId(app)}: apps of ${SYSTEM_PROVIDER} ship with it`,
      )
    const params = { provider: app.provider, app: app.name }
    const { releases } = await link.call(CONTROLLER_API.showReleases, { params })
    return chooseTrusted(app, releases, { mesh, wish, known })
  }

  #checkConsent(release: Release, known: InstalledRecord | undefined, consent: InstallConsent): void {
    const what = `${appId(release)} ${release.version}`
    if (known !== undefined && known.publicKey !== release.publicKey && !consent.isNewKeyMeant)
      throw new MeshError(
        'not-trusted',
        `Cannot install ${what}: it is signed with another key than before: ask ${release.provider}, then use --accept-new-key`,
      )
    if (isOlder(release, known) && !consent.isOlderMeant)
      throw new MeshError(
        'conflict',
        `Cannot install ${what}: ${known?.highest} was installed before: use rollback, or --allow-older`,
      )
  }

  async #checkRoom(app: AppRef): Promise<void> {
    const installed = (await this.#options.records.installed()).filter(({ current }) => current !== undefined)
    if (installed.length < MAX_INSTALLED_APPS) return
    throw new MeshError(
      'too-many',
      `Cannot install ${appId(app)}: at most ${MAX_INSTALLED_APPS} apps: erase some`,
    )
  }

  async #require(app: AppRef): Promise<InstalledRecord> {
    const record = await this.#options.records.find(app)
    if (record?.current !== undefined) return record
    throw new MeshError(
      'not-found',
      `Cannot use app ${appId(app)}: not installed: \`ztm install app ${appId(app)}\``,
    )
  }

  #life(app: AppRef): Life {
    const life = this.#lives.get(appId(app)) ?? { log: createAppLog(this.#options.clock), isStarting: false }
    this.#lives.set(appId(app), life)
    return life
  }

  #describe(record: InstalledRecord): InstalledInfo | undefined {
    const { running, error, isStarting } = this.#life(record)
    return describeInstalled(record, { state: running?.state, error, isStarting })
  }

  #shown(record: InstalledRecord): InstalledInfo {
    const shown = this.#describe(record)
    if (shown !== undefined) return shown
    throw new MeshError('bug', 'Cannot show an app that was just installed')
  }

  #running(record: InstalledRecord): RunningPackage {
    const { running } = this.#life(record)
    if (running !== undefined) return running
    throw new MeshError(
      'offline',
      `Cannot use app ${appId(record)}: it does not run: \`ztm start app ${appId(record)}\``,
    )
  }

  /** @throws MeshError `not-trusted` if its files, or its record, are not what was installed */
  async #runnable({ current, ...record }: InstalledRecord): Promise<RunnableApp> {
    if (current === undefined) throw new MeshError('not-found', `Cannot run ${appId(record)}: not installed`)
    const { release, grants } = current
    const manifest = verifyRelease(release)
    if (release.publicKey !== record.publicKey || appId(release) !== appId(record))
      throw new MeshError(
        'not-trusted',
        `Cannot run ${appId(record)}: what is kept of it was changed: install it again`,
      )
    const folder = await this.#options.shelf.folder(release.hash)
    const { provider, name, version, hash } = release
    return { provider, name, version, hash, folder, manifest, grants }
  }

  /** Never throws: why it does not run is kept. */
  async #run(record: InstalledRecord): Promise<void> {
    const { runner, hostOf, log, onChange } = this.#options
    const life = this.#life(record)
    if (this.#isDisposed || life.running !== undefined) return
    life.isStarting = true
    life.error = undefined
    try {
      if (runner === undefined)
        throw new MeshError(
          'unsupported',
          `Cannot run ${appId(record)}: this agent runs no apps from elsewhere`,
        )
      const app = await this.#runnable(record)
      life.app = app
      life.running = await runner.start(app, { host: hostOf(app, life.log), onState: onChange })
      log.info('app.started', { app: appId(record), version: app.version })
    } catch (thrown) {
      life.error = toMeshError(thrown)
      life.log.error('app.not-started', { reason: life.error.message })
      log.warn('app.not-started', { app: appId(record), reason: life.error.message })
    } finally {
      life.isStarting = false
      onChange()
    }
  }

  async #stop(app: AppRef): Promise<void> {
    const life = this.#life(app)
    const { running } = life
    life.running = undefined
    life.error = undefined
    if (running === undefined) return
    await running[Symbol.asyncDispose]()
    this.#options.log.info('app.stopped', { app: appId(app) })
    this.#options.onChange()
  }

  /** Run after the changes that were asked for before. */
  inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action, action)
    this.#turn = turn.catch(() => {})
    return turn
  }
}

function unlisted({ isWithdrawn, ...release }: ListedRelease): Release {
  return release
}

/** Apps from elsewhere that one endpoint may have in one mesh. */
export const MAX_INSTALLED_APPS = 100
