import type { Socket } from 'node:net'

/**
 * Take from this process every way to the network, to other processes and to native code that its own JavaScript has.
 *
 * This is the inner wall. Node says of its permission model that it holds no malicious code, and what is taken away inside
 * one JavaScript world may be found again by who looks long enough: the outer wall is the agent's, made of what the
 * kernel offers (`agent/sandbox/jail.ts`). Where there is none, this and the permission model are what holds.
 *
 * @param options.channel  the one socket that stays in use; what it is made of is disarmed
 * @param options.modules  modules of our own that programs may import, by specifier: their source text
 * @see docs/decisions/0037-sandbox.md
 */
export function seal(options: {
  readonly net: typeof import('node:net')
  readonly channel: Socket
  readonly modules: ReadonlyMap<string, string>
}): void {
  disarmSockets(options.net, options.channel)
  // Not imported: what the loader has once loaded it hands out again, without asking a hook.
  const module = process.getBuiltinModule('node:module')
  guardImports(module, options.modules)
  for (const name of ['registerHooks', 'register', 'runMain', '_preloadModules', '_initPaths'])
    fix(module, name, refuse(`module.${name}`))
  disarmBuiltins(module)
  disarmGlobals()
  disarmProcess()
}

/** Builtin modules that programs may have: none of them opens a socket, starts a process, or loads native code. */
export const OPEN_BUILTINS: ReadonlySet<string> = new Set([
  'assert',
  'assert/strict',
  'async_hooks',
  'buffer',
  'console',
  'constants',
  'crypto',
  'events',
  'fs',
  'fs/promises',
  'os',
  'path',
  'path/posix',
  'path/win32',
  'perf_hooks',
  'process',
  'punycode',
  'querystring',
  'readline',
  'readline/promises',
  'stream',
  'stream/consumers',
  'stream/promises',
  'stream/web',
  'string_decoder',
  'sys',
  'timers',
  'timers/promises',
  'url',
  'util',
  'util/types',
  'zlib',
])

/** What the wall says. */
class SealedError extends Error {
  readonly code = 'ERR_ACCESS_DENIED'
}

function refusal(what: string): SealedError {
  return new SealedError(`Cannot use ${what}: a sandboxed program has no such access: ask its host`)
}

function refuse(what: string): () => never {
  return () => {
    throw refusal(what)
  }
}

/** Put a value where nothing can change it again. */
function fix(target: object, key: PropertyKey, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(target, key)
  if (before?.configurable === false) {
    if (before.writable === true) Object.defineProperty(target, key, { value, writable: false })
    return
  }
  const enumerable = before?.enumerable ?? false
  Object.defineProperty(target, key, { value, writable: false, configurable: false, enumerable })
}

/** Whoever finds a socket or its handle in our own use cannot make another of it, nor lead it elsewhere. */
function disarmSockets(net: typeof import('node:net'), channel: Socket): void {
  const internals = net as unknown as Record<string, (...args: unknown[]) => unknown>
  // `owner` and the symbols of a handle are nobody's business; its class is what a new one could be made of.
  const tcp = internals._createServerHandle?.('127.0.0.1', 0, 4)
  const pipe = (channel as unknown as { _handle?: unknown })._handle
  if (typeof tcp === 'object') (tcp as { close(): void }).close()
  const made = [tcp, pipe].filter(handle => typeof handle === 'object' && handle !== null)
  const prototypes = [
    net.Socket.prototype,
    net.Server.prototype,
    ...made.map(handle => Object.getPrototypeOf(handle)),
  ]
  for (const prototype of prototypes)
    for (const name of ['connect', 'connect6', 'bind', 'bind6', 'listen', 'open', '_listen2'])
      if (name in prototype) fix(prototype, name, refuse(`sockets (${name})`))
  for (const name of Object.keys(net))
    if (/^_|^create|^connect/.test(name)) fix(net, name, refuse(`net.${name}`))
}

function disarmProcess(): void {
  for (const name of CLOSED_PROCESS) if (name in process) fix(process, name, refuse(`process.${name}`))
  fix(process, 'getBuiltinModule', guardBuiltins(process.getBuiltinModule.bind(process)))
  fix(process, 'report', undefined)
  fix(process, 'channel', undefined)
}

/** What of `process` reaches another process, native code, or what Node keeps inside. */
const CLOSED_PROCESS = [
  'binding',
  '_linkedBinding',
  'dlopen',
  'kill',
  '_kill',
  'execve',
  '_debugProcess',
  '_debugEnd',
  '_getActiveHandles',
  '_getActiveRequests',
  '_startProfilerIdleNotifier',
  '_stopProfilerIdleNotifier',
  'openStdin',
  'initgroups',
  'setgroups',
  'setegid',
  'seteuid',
  'setgid',
  'setuid',
  'send',
  'disconnect',
]

function guardBuiltins(original: (id: string) => unknown): (id: string) => unknown {
  return id => {
    const name = String(id)
    if (!isOpen(name)) throw refusal(`module "${name}"`)
    return original(name)
  }
}

function isOpen(name: string): boolean {
  return OPEN_BUILTINS.has(name.replace(/^node:/, ''))
}

function disarmGlobals(): void {
  // Requests and answers stay: an app answers with them. They bring the fetch machinery along, which takes its
  // connections from here.
  fix(globalThis, Symbol.for('undici.globalDispatcher.1'), Object.freeze({ dispatch: refuse('fetch') }))
  for (const name of ['fetch', 'WebSocket', 'EventSource', 'WebSocketStream', 'navigator', 'Navigator'])
    if (name in globalThis) Reflect.deleteProperty(globalThis, name)
}

function disarmBuiltins(module: typeof import('node:module')): void {
  const builtin = (id: string) => process.getBuiltinModule(id) as object
  // They hand out the objects behind whatever runs, our own channel among them.
  const hooks = builtin('async_hooks')
  for (const name of ['createHook', 'executionAsyncResource']) fix(hooks, name, refuse(name))
  for (const name of ['setEngine', 'setFips']) fix(builtin('crypto'), name, refuse(`crypto.${name}`))
  const os = builtin('os')
  fix(os, 'networkInterfaces', () => ({}))
  fix(os, 'setPriority', refuse('os.setPriority'))
  module.syncBuiltinESMExports()
}

/** Imports and requires of the closed builtins fail, whatever name they are asked for by; ours are answered. */
function guardImports(module: typeof import('node:module'), modules: ReadonlyMap<string, string>): void {
  module.registerHooks({
    resolve(specifier, context, next) {
      if (modules.has(specifier)) return { url: `${OURS}${specifier}`, format: 'module', shortCircuit: true }
      const resolved = next(specifier, context)
      checkUrl(resolved.url)
      return resolved
    },
    load(url, context, next) {
      const source = url.startsWith(OURS) ? modules.get(url.slice(OURS.length)) : undefined
      if (source !== undefined) return { format: 'module', source, shortCircuit: true }
      checkUrl(url)
      return next(url, context)
    },
  })
}

/** Both when it is resolved and when it is loaded: who replaces how names are resolved gets no further. */
function checkUrl(url: string): void {
  if (url.startsWith('node:') && !isOpen(url)) throw refusal(`module "${url.slice('node:'.length)}"`)
}

const OURS = 'ztm:'
