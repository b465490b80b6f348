import type { UserName } from '../model/names.ts'
import type { Capabilities } from './capabilities.ts'
import type { AppName, AppVersion, Manifest } from './manifest.ts'

/** An installed app as whatever runs it needs it: its files were compared with `hash` just before. */
export interface RunnableApp {
  readonly provider: UserName
  readonly name: AppName
  readonly version: AppVersion
  /** SHA-256 of its package, 64 hex digits. */
  readonly hash: string
  /** The folder its package was unpacked to, an absolute path. The app may read it, and nobody writes to it. */
  readonly folder: string
  readonly manifest: Manifest
  /** What it is given: never more than its manifest asks for. */
  readonly grants: Capabilities
}

/** `alice/notes`: how an app is called. */
export function appId({ provider, name }: { provider: string; name: string }): `${string}/${string}` {
  return `${provider}/${name}`
}
