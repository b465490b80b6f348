import { join } from 'node:path'
import { appId } from '../../core/app/installed-app.ts'
import type { AppRef } from '../../core/app/manifest.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Log } from '../../core/model/log.ts'
import type { SecretFolder } from '../../pki/secret-folder.ts'
import { type AppHostOptions, createAppHost } from '../app-host.ts'
import type { AppRunner } from '../app-runner.ts'
import { InstalledApps } from './installed-apps.ts'
import { createInstalledRecords } from './installed-records.ts'
import { createPackageExchange } from './package-exchange.ts'
import { createPackageShelf } from './package-shelf.ts'
import { type PublishWish, publishApp, unpublishApp } from './publishing.ts'

/** Where an agent keeps apps from elsewhere, and what runs them. */
export interface PackagesPlace {
  /** Absolute; below it one folder a mesh. */
  readonly folder: string
  /** Of the publisher's key. */
  readonly secrets: SecretFolder
  /** Nothing can be started without it. */
  readonly runner?: AppRunner
}

/** Apps from elsewhere in one mesh: installed, published, given to others. */
export interface Packages extends AsyncDisposable {
  readonly apps: InstalledApps
  publish(wish: PublishWish): ReturnType<typeof publishApp>
  unpublish(app: AppRef, which: Parameters<typeof unpublishApp>[2]): ReturnType<typeof unpublishApp>
}

/** What they need of their membership. */
export interface PackagesOptions {
  /** None are kept without it. */
  readonly packages?: PackagesPlace
  readonly random: () => number
  readonly log: Log
  readonly onChange: () => void
}

/**
 * Bring up what is installed in one mesh; does not wait for apps to be up.
 *
 * @param hostParts  what the hosts of all apps have in common
 */
export async function startPackages(
  options: PackagesOptions,
  hostParts: Omit<AppHostOptions, 'app' | 'log'>,
): Promise<Packages | undefined> {
  if (options.packages === undefined) return undefined
  const packages = createPackages(options.packages, options, hostParts)
  await packages.apps.start()
  return packages
}

function createPackages(
  place: PackagesPlace,
  { random, log, onChange }: PackagesOptions,
  hostParts: Omit<AppHostOptions, 'app' | 'log'>,
): Packages {
  const { mesh, self, store, link, hostings, dialer, clock } = hostParts
  const hostOf = (app: AppRef, appLog: Log) =>
    createAppHost({ ...hostParts, app: { name: appId(app) }, log: appLog })
  const shelf = createPackageShelf(packageFolder(place, self.mesh))
  const records = createInstalledRecords(store, mesh, log)
  const exchange = createPackageExchange({
    user: self.user,
    endpoint: self.endpoint,
    link,
    hostings,
    dialer,
    read: shelf.archive,
    random,
    log,
  })
  const { runner, secrets } = place
  const apps = new InstalledApps({
    mesh: self.mesh,
    meshName: mesh,
    link,
    records,
    shelf,
    exchange,
    runner,
    hostOf,
    clock,
    log,
    onChange,
  })
  const settle = () => apps.settle()
  const publishing = { mesh: self.mesh, user: self.user, secrets, link, records, shelf, settle, clock }
  return {
    apps,
    publish: wish => apps.inTurn(() => publishApp(publishing, wish)),
    unpublish: (app, which) => apps.inTurn(() => unpublishApp(publishing, app, which)),
    [Symbol.asyncDispose]: () => apps[Symbol.asyncDispose](),
  }
}

/** The packages of one mesh, for whoever has left it. */
export function packageFolder(place: Pick<PackagesPlace, 'folder'>, mesh: string): string {
  return join(place.folder, mesh)
}

/** @throws MeshError `unsupported` for an agent that keeps no apps from elsewhere, as that of a program */
export function requirePackages(packages: Packages | undefined): Packages {
  if (packages !== undefined) return packages
  throw new MeshError('unsupported', 'Cannot use apps from elsewhere: this agent keeps none')
}
