import { setPriority } from 'node:os'
import { pathToFileURL } from 'node:url'
import type { Bridge } from '../core/app/bridge.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Json } from '../core/model/store.ts'
import type { FetchOptions } from '../sdk/define-app.ts'
import { openChannel } from './channel.ts'
import { createSandboxHost, fetchOver, type HostFacts } from './host.ts'
import { type LoadedApp, loadApp } from './run-app.ts'
import { seal } from './seal.ts'
import { replaceStdio } from './stdio.ts'

// What a sandboxed process runs first: it takes up its channel to the agent, closes what must be closed, and loads the
// program that it was started for only when the agent says so.

/** What is to be run. */
interface StartCall {
  readonly role: 'app' | 'script' | 'cli'
  /** Path of the program's file. */
  readonly entry: string
  readonly args: readonly string[]
  readonly facts: HostFacts
}

const CHANNEL_FD = 3
const BUSY_CHECK_MS = 50
// Not imported: see `seal`.
const net = process.getBuiltinModule('node:net')
const socket = new net.Socket({ fd: CHANNEL_FD, readable: true, writable: true })
let app: LoadedApp | undefined
const bridge: Bridge = openChannel(socket, {
  onCall: async (op, args) => {
    if (op === 'start') return start(args as unknown as StartCall)
    if (op === 'stop') return stop()
    if (app === undefined) throw new MeshError('offline', 'Cannot call app: it has not started')
    return app.onCall(op, args)
  },
  onTell: op => {
    if (op === 'ping') bridge.tell('pong', null)
  },
})
replaceStdio()
try {
  // Gives way to the agent and to everything else; where it is not allowed, it is not.
  setPriority(10)
} catch {}
const MODULES = new Map([
  ['ztm/app', 'export const defineApp = app => app'],
  ['ztm/cli', "export const { args, fetch, facts } = globalThis[Symbol.for('ztm.cli')]"],
  ['ztm/script', "export const { connect, dial, fetch, run } = globalThis[Symbol.for('ztm.script')]"],
])
seal({ net, channel: socket, modules: MODULES })

async function start({ role, entry, args, facts }: StartCall): Promise<Json> {
  const url = pathToFileURL(entry).href
  process.argv.splice(1, Number.POSITIVE_INFINITY, entry, ...args)
  if (role === 'app') {
    app = await loadApp(bridge, url, facts)
    return { takesStreams: app.takesStreams }
  }
  if (role === 'cli') {
    const own = (path: string, init?: FetchOptions) => fetchOver(bridge, { op: 'app.fetch', url: path }, init)
    const value = Object.freeze({ args: Object.freeze([...args]), fetch: own, facts })
    Object.defineProperty(globalThis, Symbol.for('ztm.cli'), { value })
    Object.defineProperty(globalThis, 'fetch', { value: own, writable: true, configurable: true })
    holdWhileBusy()
    setImmediate(() => import(url))
    return null
  }
  const { host } = createSandboxHost(bridge, facts)
  const { connect, dial, fetch, run } = host
  Object.defineProperty(globalThis, Symbol.for('ztm.script'), {
    value: Object.freeze({ connect, dial, fetch, run }),
  })
  Object.defineProperty(globalThis, 'fetch', { value: fetch, writable: true, configurable: true })
  holdWhileBusy()
  // What the script throws is its end, as it is of any program.
  setImmediate(() => import(url))
  return null
}

/** A script ends when it has nothing to do; waiting for the agent's answer is something. */
function holdWhileBusy(): void {
  const check = () => {
    const { calls, streams } = bridge.load
    if (calls + streams > 0) socket.ref()
    else socket.unref()
  }
  const { call, open } = bridge
  bridge.call = (op, args) => {
    const answer = call.call(bridge, op, args)
    check()
    answer.then(check, check)
    return answer
  }
  bridge.open = () => {
    const stream = open.call(bridge)
    check()
    return stream
  }
  socket.on('data', check)
  // What the script itself ends, nobody tells.
  setInterval(check, BUSY_CHECK_MS).unref()
  socket.unref()
}

async function stop(): Promise<Json> {
  await app?.stop()
  setImmediate(() => process.exit(0))
  return null
}
