import type { Duplex } from 'node:stream'
import type { RunnableApp } from '../core/app/installed-app.ts'
import type { AppRef } from '../core/app/manifest.ts'
import type { Name } from '../core/model/names.ts'
import type { Ms } from '../core/model/time.ts'
import type { AppCaller, Host } from '../sdk/app.ts'

/** What runs apps from elsewhere, each in a process of its own. */
export interface AppRunner {
  /**
   * Start an app. It is started again, with backoff, when it crashes; `RunningPackage.state` tells how it is.
   *
   * @param app  its files were just compared with its hash
   * @throws MeshError if it cannot be started at all: `bad-input` for an entry that is no app, `timed-out`, `unsupported`
   */
  start(app: RunnableApp, options: RunOptions): Promise<RunningPackage>
  /** Remove the folder of its own that an app had in a mesh, or those of all apps there. None may run. */
  forget?(mesh: Name, app?: AppRef): Promise<void>
}

/** What an app from elsewhere is run with. */
export interface RunOptions {
  /** Everything an app of this name can reach in its mesh. The runner lets through what `RunnableApp.grants` names, and nothing else. */
  readonly host: Host
  /** Called after each change of `RunningPackage.state`. */
  readonly onState: () => void
}

/** An app from elsewhere that was started in one mesh. Disposing it ends its process. */
export interface RunningPackage extends AsyncDisposable {
  readonly state: RunState
  /**
   * Ask the app's own HTTP API, or its page's server.
   *
   * @throws MeshError `offline` while it does not run, `timed-out`, `too-large`
   */
  request(request: AppRequest): Promise<AppResponse>
  /** A program of this computer's user opened a stream to the app; absent if it takes none. */
  readonly receiveLocal?: (stream: Duplex) => void
}

/** How an app from elsewhere is. */
export type RunState =
  | { readonly is: 'running'; readonly pid: number; readonly sinceMs: Ms; readonly restartCount: number }
  /** It crashed, and is started again at that time. */
  | { readonly is: 'waiting'; readonly error: string; readonly atMs: Ms; readonly restartCount: number }
  /** It crashed too often, and is not started again by itself. */
  | { readonly is: 'failed'; readonly error: string; readonly restartCount: number }

/** A request to an app's own API. */
export interface AppRequest {
  readonly method: string
  /** With its query, below the app's own root: `/notes?limit=5`. */
  readonly path: string
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly caller: AppCaller
}

/** What an app answered. */
export interface AppResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}
