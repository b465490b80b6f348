/**
 * What an app is tested with: `import { createAppMesh } from 'ztm/app/testing'`, run by `ztm app test`. Endpoints are
 * simulated, in this process; the app runs at each of them as it does in an agent: in a process of its own, walled in.
 */
export interface AppMesh extends AsyncDisposable {
  /** Start the app at another endpoint. @param user  whose it is; `root` if absent */
  start(endpoint: string, user?: string): Promise<AppEndpoint>
}

/** An app that runs at an endpoint. */
export interface AppEndpoint extends AsyncDisposable {
  /** Ask it as the person there does. @param path  `/api/hello` */
  fetch(path: string, init?: { method?: string; body?: string }): Promise<Response>
  /** Set what it reads as its settings. */
  set(values: Record<string, string | number | boolean>): Promise<void>
  /** Let users besides its own open streams to it. */
  share(users: readonly string[]): Promise<void>
  /** What it logged and printed, oldest first. */
  readonly log: readonly string[]
}
