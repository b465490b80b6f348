import { describeRelease } from '../../core/api/describe-release.ts'
import type { InstalledInfo, InstallOffer } from '../../core/api/installed-api.ts'
import { compareWithGrants } from '../../core/app/capabilities.ts'
import { appId } from '../../core/app/installed-app.ts'
import type { AppRef } from '../../core/app/manifest.ts'
import {
  chooseRelease,
  isNewer,
  type ListedRelease,
  manifestOf,
  parseWantedApp,
  type Release,
  type WantedApp,
} from '../../core/app/release.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { MeshId } from '../../core/model/ids.ts'
import { verifyRelease } from '../../pki/publisher-key.ts'
import type { RunState } from '../app-runner.ts'
import type { InstalledRecord } from './installed-records.ts'

/**
 * The release that a wish means, out of what a controller says there is. Nothing that it says is believed: what was signed is
 * checked against what was asked for.
 *
 * @param wish  what stands after `@`; the channel of `known` if absent, else `stable`
 * @throws MeshError `not-found`, `bad-input`; `not-trusted` for a release of another mesh, app or key than it must be, or whose
 *   signature is wrong
 */
export function chooseTrusted(
  app: AppRef,
  releases: readonly ListedRelease[],
  terms: { mesh: MeshId; wish?: string | undefined; known: InstalledRecord | undefined },
): ListedRelease {
  const { mesh, wish, known } = terms
  const release = chooseRelease(releases, wishOf(app, wish, known))
  if (release.provider !== app.provider || release.name !== app.name || release.mesh !== mesh)
    throw new MeshError(
      'not-trusted',
      `Cannot install ${appId(app)}: the catalogue gave another app's release`,
    )
  verifyRelease(release)
  return release
}

function wishOf(app: AppRef, wish: string | undefined, known: InstalledRecord | undefined): WantedApp {
  if (wish !== undefined) return parseWantedApp(`${appId(app)}@${wish}`)
  const channel = known?.current?.release.channel
  return channel === undefined ? app : { ...app, channel }
}

/** Whether the version is below one that was installed here before. */
export function isOlder(release: Release, known: InstalledRecord | undefined): boolean {
  return known !== undefined && isNewer(known.highest, release.version)
}

/** What an install would do, for the person who decides. */
export function describeOffer(release: ListedRelease, known: InstalledRecord | undefined): InstallOffer {
  const current = known?.current
  return {
    release: describeRelease(release),
    asks: compareWithGrants(manifestOf(release).capabilities, current?.grants),
    ...(current && { installed: current.release.version }),
    isNewKey: known !== undefined && known.publicKey !== release.publicKey,
    isOlder: isOlder(release, known),
  }
}

/** An installed app for a list. @param state  absent where it is not wanted to run */
export function describeInstalled(
  record: InstalledRecord,
  {
    state,
    error,
    isStarting,
  }: { state?: RunState | undefined; error?: MeshError | undefined; isStarting: boolean },
): InstalledInfo | undefined {
  const { provider, name, publicKey, current, previous } = record
  if (current === undefined) return undefined
  const { version, channel, hash } = current.release
  const manifest = manifestOf(current.release)
  return {
    provider,
    name,
    version,
    channel,
    description: manifest.description,
    hash,
    publicKey,
    installedAtMs: current.atMs,
    ...describeState(record, { state, error, isStarting }),
    restartCount: state?.restartCount ?? 0,
    ...(previous && { previous: previous.release.version }),
    asks: compareWithGrants(manifest.capabilities, current.grants),
    memoryMb: current.grants.memoryMb,
    cpuPercent: current.grants.cpuPercent,
    hasPage: manifest.gui !== undefined,
  }
}

function describeState(
  { isDisabled, isStarted }: InstalledRecord,
  {
    state,
    error,
    isStarting,
  }: { state?: RunState | undefined; error?: MeshError | undefined; isStarting: boolean },
): Pick<InstalledInfo, 'state' | 'error' | 'pid'> {
  if (isDisabled) return { state: 'disabled' }
  if (state?.is === 'running') return { state: 'running', pid: state.pid }
  if (state !== undefined) return { state: state.is, error: state.error }
  if (isStarting) return { state: 'starting' }
  return error !== undefined && isStarted ? { state: 'failed', error: error.message } : { state: 'stopped' }
}
