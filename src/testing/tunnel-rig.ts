import type { z } from 'zod'
import { TUNNEL_LIMITS, type TunnelLimits } from '../apps/tunnel/limits.ts'
import {
  type InboundInfo,
  type inboundSettingShape,
  type OutboundInfo,
  type outboundSettingShape,
  TUNNEL_API,
} from '../apps/tunnel/messages.ts'
import { createTunnelApp } from '../apps/tunnel/tunnel.ts'
import type { Address } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { connectTcp, type HostConnection, type HostPort, listenTcp } from '../net/host-sockets.ts'
import type { App } from '../sdk/app.ts'
import { createTestMesh, type TestApp, type TestEndpoint, type TestMesh } from './test-host.ts'

/** Two endpoints of one user with the tunnel app: `near` for inbounds, `far` for outbounds. */
export interface TunnelRig extends AsyncDisposable {
  readonly mesh: TestMesh
  readonly app: App
  readonly near: TestEndpoint
  readonly far: TestEndpoint
  nearApp: TestApp
  farApp: TestApp
  /** Start a TCP server on a free port; it is closed with the rig. */
  target(onConnection: (connection: HostConnection) => void, at?: Address): Promise<HostPort>
  /** Connect as a client; broken off with the rig. */
  connect(port: number, host?: string): Promise<HostConnection>
  /** Connect and wait until the other side is done, as `fateOf`. */
  fateOfNext(port: number): Promise<'reset' | 'end'>
  inbound(
    name: string,
    setting: z.input<typeof inboundSettingShape>,
    protocol?: 'tcp' | 'udp',
  ): Promise<InboundInfo>
  outbound(
    name: string,
    setting: z.input<typeof outboundSettingShape>,
    protocol?: 'tcp' | 'udp',
  ): Promise<OutboundInfo>
  /** An outbound to these ports and an inbound on a free one. @returns the inbound's port */
  tunnel(name: string, ...targetPorts: number[]): Promise<number>
  showInbound(name: string, protocol?: 'tcp' | 'udp'): Promise<InboundInfo>
  showOutbound(name: string, protocol?: 'tcp' | 'udp'): Promise<OutboundInfo>
  /** Stop the app at `near` and start it again with what it kept. */
  restartNear(): Promise<void>
  /** The same at `far`. */
  restartFar(): Promise<void>
}

/** Make the rig. @param limits  those that differ from the agent's */
export async function createTunnelRig(limits: Partial<TunnelLimits> = {}): Promise<TunnelRig> {
  const app = createTunnelApp({ ...TUNNEL_LIMITS, ...limits })
  const mesh = createTestMesh()
  const [near, far] = [mesh.addEndpoint('near'), mesh.addEndpoint('far')]
  const opened: (HostConnection | HostPort)[] = []
  const [nearApp, farApp] = [await near.start(app), await far.start(app)]
  const at = (endpoint: string, protocol: 'tcp' | 'udp', name: string) => ({ endpoint, protocol, name })
  const rig: TunnelRig = {
    mesh,
    app,
    near,
    far,
    nearApp,
    farApp,
    async target(onConnection, address = { host: '127.0.0.1', port: 0 }) {
      const server = await listenTcp(address, connection => {
        opened.push(connection)
        onConnection(connection)
      })
      opened.push(server)
      return server
    },
    async connect(port, host = '127.0.0.1') {
      const connection = await connectTcp({ kind: 'address', host, port }, { timeoutMs: 20_000 })
      opened.push(connection)
      return connection
    },
    async fateOfNext(port) {
      try {
        return await fateOf(await rig.connect(port))
      } catch (error) {
        // Broken off before the client was told that it is connected.
        if (error instanceof MeshError && error.code === 'link-closed') return 'reset'
        throw error
      }
    },
    inbound: (name, body, protocol = 'tcp') =>
      rig.nearApp.call(TUNNEL_API.openInbound, { params: at('near', protocol, name), body }),
    outbound: (name, body, protocol = 'tcp') =>
      rig.farApp.call(TUNNEL_API.openOutbound, { params: at('far', protocol, name), body }),
    async tunnel(name, ...targetPorts) {
      await rig.outbound(name, { targets: targetPorts.map(port => ({ port })) })
      const { listens } = await rig.inbound(name, { listens: [{ port: 0 }] })
      return listens[0]?.port ?? 0
    },
    showInbound: (name, protocol = 'tcp') =>
      rig.nearApp.call(TUNNEL_API.showInbound, { params: at('near', protocol, name) }),
    showOutbound: (name, protocol = 'tcp') =>
      rig.farApp.call(TUNNEL_API.showOutbound, { params: at('far', protocol, name) }),
    async restartNear() {
      await rig.nearApp[Symbol.asyncDispose]()
      rig.nearApp = await near.start(app)
    },
    async restartFar() {
      await rig.farApp[Symbol.asyncDispose]()
      rig.farApp = await far.start(app)
    },
    async [Symbol.asyncDispose]() {
      await mesh[Symbol.asyncDispose]()
      for (const one of opened) {
        if ('destroy' in one) one.destroy()
        else await one[Symbol.asyncDispose]()
      }
    },
  }
  return rig
}

/** Everything the other side sends until it ends, as text. */
export async function readAll(connection: HostConnection): Promise<string> {
  return Buffer.concat(await connection.toArray()).toString()
}

/** Wait until the other side is done. @returns `reset` if it broke the connection, `end` if it ended in order */
export function fateOf(connection: HostConnection): Promise<'reset' | 'end'> {
  const { promise, resolve } = Promise.withResolvers<'reset' | 'end'>()
  connection.once('end', () => resolve('end'))
  connection.once('error', () => resolve('reset'))
  connection.resume()
  return promise
}
