import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import net from 'node:net'
import { parseSpiffeId } from '../core/model/spiffe-id.ts'
import { type Authority, openAuthority } from '../pki/authority.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { FAKE_ANSWERS, FAKE_IDS, FAKE_MESH } from './fake-answers.ts'
import { type FakeDaemons, startFakeDaemons } from './fake-daemons.ts'
import { type FakeHubOptions, startFakeHub } from './fake-hub.ts'
import { createSecretMemory } from './secret-memory.ts'

/** The part of a test's context that is needed here. */
interface Ending {
  after(end: () => unknown): void
}

/** A state folder on which all is well until a test says otherwise: an agent in a mesh whose hub answers. */
export interface Clinic extends AsyncDisposable {
  readonly daemons: FakeDaemons
  readonly ours: Authority
  readonly foreign: Authority
  /** What the agent says of its mesh from now on. */
  setMesh(change: Record<string, unknown>): void
  /** What the agent says of itself from now on. */
  setAgent(change: Record<string, unknown>): void
  /** Put another hub in the place of the mesh's. */
  setHub(change?: Partial<FakeHubOptions>): Promise<void>
  /** The text of a permit of the mesh. */
  permitText(change?: object): string
}

/** A certificate of an authority, by the path of its SPIFFE ID. */
export async function issue(authority: Authority, path: string, madeAtMs = Date.now()) {
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const identity = parseSpiffeId(`spiffe://${authority.mesh}/${path}`)
  const { chainPem } = await authority.issue({ identity, publicKeyPem, validMs: DAY_MS }, madeAtMs)
  return { privateKeyPem, chainPem }
}

/** Open a clinic on a state folder. */
export async function openClinic(t: Ending, dataFolder: string): Promise<Clinic> {
  const daemons = await startFakeDaemons(dataFolder, ['agent'])
  const now = Date.now()
  const ours = await openAuthority({ folder: createSecretMemory(), now: now - 9 * DAY_MS })
  const foreign = await openAuthority({ folder: createSecretMemory(), now: now - DAY_MS })
  const own = await issue(ours, `user/root/endpoint/${FAKE_IDS.laptop}`)
  let mesh = { ...FAKE_MESH, id: ours.mesh as string, sinceMs: now, certificateExpiresAtMs: now + DAY_MS }
  let agent: Record<string, unknown> = fakeAnswer('agent.showStatus')
  const setAgent = (change: Record<string, unknown>) => {
    agent = { ...agent, ...change }
    daemons.answer('agent.showStatus', () => agent)
  }
  const setMesh = (change: Record<string, unknown>) => {
    mesh = { ...mesh, ...change }
    setAgent({ meshes: [mesh] })
    daemons.answer('agent.showMesh', () => ({
      ...mesh,
      ca: ours.rootCertificatePem,
      certificate: own.chainPem,
      certificates: [],
    }))
  }
  const setHub = async (change: Partial<FakeHubOptions> = {}) => {
    const shown = await issue(ours, `hub/${FAKE_IDS.hub}`)
    const hub = await startFakeHub({ ...shown, now: Date.now, ...change })
    t.after(() => hub[Symbol.asyncDispose]())
    setMesh({ bootstraps: [hub.address] })
  }
  await setHub()
  const permitText = (change = {}) => {
    const { bootstraps } = mesh
    const token = '0123456789abcdef'.padEnd(59, 'x')
    return JSON.stringify({ ca: ours.rootCertificatePem, agent: {}, bootstraps, token, ...change })
  }
  const end = () => daemons[Symbol.asyncDispose]()
  return { daemons, ours, foreign, setMesh, setAgent, setHub, permitText, [Symbol.asyncDispose]: end }
}

/** What a fake daemon says to a route, to change a part of it. */
export function fakeAnswer(route: string): Record<string, unknown> {
  const give = FAKE_ANSWERS[route]
  if (give === undefined) throw new Error(`no fake answer for ${route}`)
  return give({ route, params: {}, query: {}, body: undefined }) as Record<string, unknown>
}

/** A TCP server that does as told. @returns its address */
export async function serveTcp(t: Ending, onConnection: (socket: net.Socket) => void): Promise<string> {
  const server = await serve(t, { host: '127.0.0.1', port: 0 }, onConnection)
  return `127.0.0.1:${(server.address() as net.AddressInfo).port}`
}

/** A unix socket that takes connections and never says a word. */
export async function serveMute(t: Ending, path: string): Promise<void> {
  rmSync(path, { force: true })
  await serve(t, { path }, () => {})
}

/** A port that was free a moment ago. @returns its address */
export async function freedPort(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return `127.0.0.1:${port}`
}

/**
 * A port that takes no connection and refuses none, as behind a firewall that drops: its queue is full (Linux).
 *
 * @returns its address
 */
export async function silentPort(t: Ending): Promise<string> {
  const child = spawn(process.execPath, ['-e', BLOCKED_SERVER], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  for (let i = 0; i < 4; i += 1) {
    const filler = net.connect({ host: '127.0.0.1', port: Number(port) }).on('error', () => {})
    t.after(() => filler.destroy())
    // Two are let into a queue of one; the others wait outside.
    if (i < 2) await once(filler, 'connect')
  }
  return `127.0.0.1:${port}`
}

async function serve(t: Ending, at: net.ListenOptions, onConnection: (socket: net.Socket) => void) {
  const sockets = new Set<net.Socket>()
  const server = net.createServer(socket => {
    sockets.add(socket.on('error', () => {}))
    onConnection(socket)
  })
  server.listen(at)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return server
}

const BLOCKED_SERVER = `const server = require('net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  require('fs').writeSync(1, String(server.address().port))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`
const DAY_MS = 86_400_000
