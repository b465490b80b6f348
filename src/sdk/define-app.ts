/**
 * What an app from elsewhere is written with: `import { defineApp } from 'ztm/app'`. It runs in a process of its own,
 * walled in, and sees of the computer and of the mesh what is here, as far as the person who installed it has granted it.
 *
 *     export default defineApp({
 *       onRequest: (request, host) => new Response(`Hello from ${host.endpoint.name}`),
 *     })
 *
 * This file stands by itself: it is what editors know the types by.
 */
export interface AppDefinition {
  /** The app has come up; the others are called after it is done. */
  start?(host: AppHost): unknown
  /** The same app at another endpoint opened a stream to this one. It is ended when this returns. */
  onStream?(stream: PeerStream, host: AppHost): unknown
  /** The person here, or another endpoint of the same user, asks: `/` and below it, which the app's page finds below `/api`. */
  onRequest?(request: Request, host: AppHost, caller: AppCaller): Response | Promise<Response>
  /** The app is about to be stopped; it has a few seconds. */
  stop?(host: AppHost): unknown
}

/** Say that a program is an app. */
export function defineApp(app: AppDefinition): AppDefinition {
  return app
}

/** Who asks: a person at this computer, or another endpoint of the same user. */
export interface AppCaller {
  readonly source: 'user' | 'peer'
  /** The endpoint that asks, where it is another. */
  readonly endpoint?: string
  readonly user?: string
}

/** All that an app can reach, in one mesh. What was not granted fails with an `AppError` of code `denied`. */
export interface AppHost {
  readonly mesh: string
  readonly app: { readonly provider: string; readonly name: string; readonly version: string }
  readonly endpoint: { readonly id: string; readonly name: string; readonly user: string }
  readonly log: AppLog
  readonly clock: { now(): number }
  /** Small records of its own, kept at this endpoint. Needs `storage`. */
  readonly storage: AppStorage
  /** What the person here has set: `ztm app settings NAME KEY=VALUE`. */
  settings(): Promise<Record<string, JsonValue>>
  /** Endpoints where this app runs and that let this one in, this one included; those that are online. */
  peers(): Promise<AppPeer[]>
  /**
   * Open a stream: to the same app at another endpoint, by the endpoint's id or name, or, if it is granted (`dial`), to a
   * service: `tcp/web`.
   */
  dial(to: string | AppPeer): Promise<DialedStream>
  /** Host a service of the mesh. Needs `serve`. */
  serve(service: string, onStream: (stream: PeerStream) => unknown, access?: AppAccess): Promise<AppHosting>
  /** Accept connections at an address of this computer; at port 0 at any that is free. Needs `listen`. */
  listen(
    host: string,
    port: number,
    onConnection: (connection: AcceptedStream) => unknown,
  ): Promise<AppListener>
  /** Files that are published in the mesh. Needs `meshFiles`. */
  readonly files: AppFiles
  /** Connect to an address outside the mesh. Needs `network`. */
  connect(host: string, port: number): Promise<DialedStream>
  /** Fetch over HTTP from an address outside the mesh. Needs `network`; redirects are not followed. */
  fetch(url: string | URL, init?: FetchOptions): Promise<Response>
  /** Run a program of this computer to its end, with the rights of the agent. Needs `run`. */
  run(program: string, args?: readonly string[], input?: string): Promise<AppRun>
}

/** A connection that was accepted: closed when the function that was given it has returned. Anybody may have opened it. */
export interface AcceptedStream extends DialedStream {
  /** The other end: `192.0.2.7:51234`. */
  readonly remote: string
}

/** An open port. */
export interface AppListener {
  readonly host: string
  readonly port: number
  /** Accept no more; connections that are open stay. */
  close(): Promise<void>
}

/** Files of the mesh, as the user of this endpoint sees them. What the app publishes is in a place of its own: `apps/alice/notes/…` */
export interface AppFiles {
  /** What is published by anybody who is online; 1,000 at most. Needs `"meshFiles": "read"`. */
  find(query?: { path?: string; pattern?: string; tag?: string; owner?: string }): Promise<AppFile[]>
  /** Read a published file, or one of a published folder: `/users/bob/photos/a.jpg`. It breaks off if the file is changed meanwhile. */
  read(path: string): Promise<DialedStream & { readonly sizeBytes: number }>
  /** Publish a file, in the place of the one of that name. Its user alone sees it, unless it is shared. Needs `"meshFiles": "write"`. */
  publish(
    name: string,
    data: string | Uint8Array | AsyncIterable<Uint8Array>,
    terms?: AppFileTerms,
  ): Promise<AppFile>
  /** Withdraw what the app published, and remove it. Needs `"meshFiles": "write"`. */
  withdraw(name: string): Promise<void>
}

/** Who may see a file that an app publishes, and by what it is found. */
export interface AppFileTerms {
  readonly users?: readonly string[]
  readonly groups?: readonly string[]
  /** Every member of the mesh. */
  readonly everyone?: boolean
  readonly tags?: readonly string[]
}

/** Something that was published. */
export interface AppFile {
  /** `/users/bob/photos` */
  readonly path: string
  readonly owner: string
  readonly kind: 'file' | 'tree'
  readonly sizeBytes: number
  readonly modifiedAtMs: number
  readonly publishedAtMs: number
  readonly tags: readonly string[]
  /** Names of endpoints that have it. */
  readonly holders: readonly string[]
}

/** What a program said. */
export interface AppRun {
  readonly code: number
  readonly output: string
  readonly errors: string
}

/** A value of JSON. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

/** Lines of the app's log, which `ztm log app NAME` shows. */
export interface AppLog {
  debug(text: string, fields?: Record<string, string | number | boolean>): void
  info(text: string, fields?: Record<string, string | number | boolean>): void
  warn(text: string, fields?: Record<string, string | number | boolean>): void
  error(text: string, fields?: Record<string, string | number | boolean>): void
}

/** Records by key; keys in order. */
export interface AppStorage {
  get<T = JsonValue>(key: string): Promise<T | undefined>
  put(key: string, value: unknown): Promise<void>
  delete(key: string): Promise<void>
  list<T = JsonValue>(prefix?: string): Promise<{ key: string; value: T }[]>
}

/** An endpoint with the same app. */
export interface AppPeer {
  readonly id: string
  readonly name: string
  readonly user: string
  /** It is this endpoint. */
  readonly isSelf: boolean
}

/** Who may open streams to a hosted service: its user always may. */
export interface AppAccess {
  /** Users by name; `*` is every member. */
  readonly users?: readonly string[]
}

/** A hosted service. */
export interface AppHosting {
  close(): Promise<void>
}

/** What `fetch` takes of the standard's options. */
export interface FetchOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
}

/** Bytes both ways. Reading slowly slows the other side down. */
export interface DialedStream extends AsyncIterable<Uint8Array> {
  readonly readable: ReadableStream<Uint8Array>
  /** Send text (UTF-8) or bytes; resolves when more may be sent. */
  write(data: string | Uint8Array): Promise<void>
  /** Send no more, perhaps after something last. The other side may still send. */
  end(data?: string | Uint8Array): Promise<void>
  /** Break it, both ways. */
  close(): void
  /** All that comes until the other side ends it, 16 MiB at most; of a stream that one dialled, this side is then ended, too. */
  text(): Promise<string>
  /** All that comes, as JSON. */
  json<T = JsonValue>(): Promise<T>
  /** Line after line, without their ends; a line has 1 MiB at most. */
  lines(): AsyncIterable<string>
}

/** A stream that another endpoint opened; the mesh has proven who that is. */
export interface PeerStream extends DialedStream {
  readonly from: AppIdentity
}

/** Who opened a stream. */
export interface AppIdentity {
  readonly endpoint: string
  readonly user: string
  /** Groups of the mesh that the user is in. */
  readonly groups: readonly string[]
}

/** What calls of the host throw. `code` is one of the mesh's: `denied`, `not-found`, `offline`, `too-many` … */
export interface AppError extends Error {
  readonly code: string
}
