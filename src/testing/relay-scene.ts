import type { Socket } from 'node:net'
import { HUB_API } from '../core/api/hub-api.ts'
import { encodeRelayPreface } from '../core/codec/relay-preface.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Side } from '../core/registry/registry.ts'
import { type HubVisit, openEvents, visitHub } from './hub-visit.ts'
import { createLocalMesh, type LocalMesh, type LocalMeshOptions } from './local-mesh.ts'
import { openStranger } from './stranger.ts'

/** Two endpoints of one user with open links to a hub, and what passes between them by tickets. */
export interface RelayScene extends AsyncDisposable {
  readonly mesh: LocalMesh
  readonly dialler: HubVisit
  readonly acceptor: HubVisit
  readonly acceptorId: EndpointId
  /** A ticket that joins the two. */
  ticket(): Promise<string>
  /** A connection that showed a ticket. */
  present(ticket: string, side: Side): Promise<Socket>
  /** Both ends of a new relay. */
  relay(): Promise<readonly [Socket, Socket]>
}

/** Start a hub and open both links. */
export async function openRelayScene(options: LocalMeshOptions = {}): Promise<RelayScene> {
  const mesh = await createLocalMesh(options)
  const members = [await mesh.member(), await mesh.member()] as const
  const dialler = await visitHub(mesh.address, members[0])
  const acceptor = await visitHub(mesh.address, members[1])
  for (const visit of [dialler, acceptor]) await openEvents(visit)('hello')
  const sockets: Socket[] = []

  async function ticket(): Promise<string> {
    const { endpoint } = members[1].identity
    return (await dialler.call(HUB_API.openRelay, { body: { endpoint } })).ticket
  }

  async function present(text: string, side: Side): Promise<Socket> {
    const { socket } = await openStranger(mesh.address)
    sockets.push(socket)
    socket.pause().write(encodeRelayPreface({ side, ticket: Buffer.from(text, 'base64url') }))
    return socket.removeAllListeners('data').removeAllListeners('end')
  }

  return {
    mesh,
    dialler,
    acceptor,
    acceptorId: members[1].identity.endpoint,
    ticket,
    present,
    async relay() {
      const text = await ticket()
      return [await present(text, 'dial'), await present(text, 'accept')]
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      for (const visit of [dialler, acceptor]) visit[Symbol.dispose]()
      await mesh[Symbol.asyncDispose]()
    },
  }
}
