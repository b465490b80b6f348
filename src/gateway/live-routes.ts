import type { GatewayConfig, GatewayRoute } from '../core/gateway/gateway-config.ts'
import { createKeyedLimit, type KeyedLimit } from '../core/gateway/keyed-limits.ts'
import { createRouteTable, type RouteTable } from '../core/gateway/route-table.ts'
import { createTokenCheck, type FetchJson, type TokenCheck } from './token-check.ts'
import { type ZapForm, zapForm } from './zap-forms.ts'

/** A route at work. */
export interface LiveRoute extends GatewayRoute {
  /** Host and path, for logs and metrics. */
  readonly name: string
  readonly limit: KeyedLimit | undefined
  readonly check: TokenCheck | undefined
  /** How the route's calls are written, if it has some. */
  readonly form: ZapForm | undefined
}

/**
 * Put the routes of a configuration to work. One that is the same as before goes on with its rate limits and its keys.
 *
 * @throws MeshError `bad-input`
 */
export function createLiveRoutes(
  routes: GatewayConfig['routes'],
  before: readonly LiveRoute[],
  fetchJson: FetchJson,
): { readonly all: readonly LiveRoute[]; readonly table: RouteTable<LiveRoute> } {
  const kept = new Map(before.map(route => [route.name, route]))
  const all = routes.map((route): LiveRoute => {
    const name = `${route.host}${route.path}`
    const old = kept.get(name)
    const isSameLimit = JSON.stringify(old?.rateLimit) === JSON.stringify(route.rateLimit)
    const isSameAuth = JSON.stringify(old?.auth) === JSON.stringify(route.auth)
    const { rateLimit, auth } = route
    return {
      ...route,
      name,
      limit:
        isSameLimit && old ? old.limit : rateLimit && createKeyedLimit(rateLimit.perSecond, rateLimit.burst),
      form: route.zap && zapForm(route.zap),
      check: isSameAuth && old ? old.check : auth && createTokenCheck(auth.jwt, fetchJson),
    }
  })
  return { all, table: createRouteTable(all) }
}
