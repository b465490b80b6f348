import type { Handlers } from '../../core/api/route.ts'
import type { Name, Protocol, ServiceName } from '../../core/model/names.ts'
import type { App, AppCaller, AppInstance, Host } from '../../sdk/app.ts'
import { atEndpoint as at } from '../../sdk/for-apps/at-endpoint.ts'
import { Ends } from './ends.ts'
import { type IdentityDoor, openIdentityDoor } from './identity-door.ts'
import { openIdentityTokens } from './identity-tokens.ts'
import { TUNNEL_LIMITS, type TunnelLimits } from './limits.ts'
import { listTunnels, showTunnel } from './list-tunnels.ts'
import { TUNNEL_API } from './messages.ts'
import { serviceOf } from './records.ts'

/**
 * Tunnels: an *inbound* listens at one endpoint, an *outbound* hosts a service at another and connects to targets
 * there; both have the same name, `tcp/NAME` or `udp/NAME`.
 *
 * Every accepted TCP connection, and every client address of UDP, becomes one stream of the mesh. TCP is joined by
 * Node's own pipes, so that a side that does not read stops the other and nothing is held but its buffers.
 */
export const tunnelApp: App = createTunnelApp()

/** The tunnel app with limits of one's own. */
export function createTunnelApp(limits: TunnelLimits = TUNNEL_LIMITS): App {
  return {
    name: 'ztm/tunnel',
    api: TUNNEL_API,
    async start(host) {
      const tokens = await openIdentityTokens(host)
      const ends = new Ends(host, limits, tokens)
      await ends.restore()
      const door = await openIdentityDoor(host, tokens)
      return {
        // A handler takes what its own route's shapes give; the host calls it with just that.
        handlers: createHandlers(host, ends, door) as unknown as AppInstance['handlers'],
        async [Symbol.asyncDispose]() {
          await Promise.all([ends[Symbol.asyncDispose](), door[Symbol.asyncDispose]()])
        },
      }
    },
  }
}

function createHandlers(host: Host, ends: Ends, door: IdentityDoor): Handlers<typeof TUNNEL_API, AppCaller> {
  const api = TUNNEL_API
  return {
    listTunnels: async () => ({ tunnels: await listTunnels(host, ends) }),
    showTunnel: ({ params: { protocol, name } }) => showTunnel(host, ends, serviceOf(protocol, name)),
    listInbounds: call => at(host, api.listInbounds, call, () => ({ inbounds: ends.inbounds() })),
    showInbound: call => at(host, api.showInbound, call, () => ends.inbound(named(call))),
    openInbound: call => at(host, api.openInbound, call, () => ends.openInbound(named(call), call.body)),
    closeInbound: call => at(host, api.closeInbound, call, () => ends.closeInbound(named(call))),
    pauseInbound: call =>
      at(host, api.pauseInbound, call, () => ends.pauseInbound(named(call), call.body.isPaused)),
    listOutbounds: call => at(host, api.listOutbounds, call, () => ({ outbounds: ends.outbounds() })),
    showOutbound: call => at(host, api.showOutbound, call, () => ends.outbound(named(call))),
    openOutbound: call => at(host, api.openOutbound, call, () => ends.openOutbound(named(call), call.body)),
    pauseOutbound: call =>
      at(host, api.pauseOutbound, call, () => ends.pauseOutbound(named(call), call.body.isPaused)),
    listOpenPorts: call =>
      at(host, api.listOpenPorts, call, async () => ({ ports: [...(await host.listeningPorts())] })),
    listRequests: call =>
      at(host, api.listRequests, call, () => ends.requests(named(call), call.query.after)),
    showIdentityKeys: call => at(host, api.showIdentityKeys, call, () => door.describe()),
    changeIdentityKeys: call => at(host, api.changeIdentityKeys, call, () => door.change(call.body)),
    closeOutbound: call => at(host, api.closeOutbound, call, () => ends.closeOutbound(named(call))),
  }
}

function named({ params }: { params: { protocol: Protocol; name: Name } }): ServiceName {
  return serviceOf(params.protocol, params.name)
}
