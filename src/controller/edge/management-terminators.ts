import { z } from 'zod'
import { type Rank, rankShape } from '../../core/api/shapes.ts'
import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { defineEdgeRoute } from '../../core/edge/edge-route.ts'
import { createEnvelope, emptyEnvelope, oneEnvelope } from '../../core/edge/envelope.ts'
import type { EndpointId, HubId } from '../../core/model/ids.ts'
import { isIdentityUser } from '../../core/model/spiffe-id.ts'
import type { Context } from '../context.ts'
import type { EndpointRecord, HostingRecord } from '../records.ts'
import { randomUuid } from '../uuid.ts'
import { meshNameOf } from './declared-services.ts'
import { type EdgeCall, type EdgeHandlers, type ServedRoute, serveEdge } from './edge-call.ts'
import { costShape, precedenceShape, type ServiceRecord, tagsShape } from './edge-records.ts'
import type { EdgeState } from './edge-state.ts'
import { MAX_ENTITIES, missing, pageOf, whoIs } from './entity-kind.ts'
import { TERMINATOR_SYMBOLS, type Terminator, type Terminators } from './terminators.ts'

const admin = { needs: 'admin' } as const
const reference = z.string().min(1).max(128)

/** What of a terminator may be repeated in a change, and not be another. */
const SETTLED = {
  service: z.string().max(64).optional(),
  router: z.string().max(64).optional(),
  binding: z.literal('edge').optional(),
  address: z.string().max(64).optional(),
  identity: z.string().max(64).optional(),
}

const API = {
  listTerminators: defineEdgeRoute({
    ...admin,
    method: 'GET',
    path: '/terminators',
    summary: 'List who hosts what',
    answer: 'list',
  }),
  showTerminator: defineEdgeRoute({
    ...admin,
    method: 'GET',
    path: '/terminators/{id}',
    summary: 'Show one',
    answer: 'one',
  }),
  createTerminator: defineEdgeRoute({
    ...admin,
    method: 'POST',
    path: '/terminators',
    summary: 'Say how the hosting of a service by an endpoint ranks, before it hosts it',
    body: z.strictObject({
      /** Id or name. */
      service: reference,
      /** Id or name of a hub; the hub, if absent. */
      router: reference.nullish(),
      binding: reference.nullish(),
      /** Id or name of an endpoint. */
      address: reference,
      identity: z.string().max(128).nullish(),
      cost: costShape.nullish(),
      precedence: precedenceShape.nullish(),
      tags: tagsShape.nullish(),
    }),
    answer: 'create',
    errors: ['SERVER_TOO_MANY_REQUESTS'],
  }),
  replaceTerminator: defineEdgeRoute({
    ...admin,
    method: 'PUT',
    path: '/terminators/{id}',
    summary: 'Set how a hosting ranks; all else of it is its endpoint’s to say',
    body: rankShape.extend(SETTLED),
    answer: 'empty',
    errors: ['ENTITY_CAN_NOT_BE_UPDATED'],
  }),
  patchTerminator: defineEdgeRoute({
    ...admin,
    method: 'PATCH',
    path: '/terminators/{id}',
    summary: 'Change how a hosting ranks',
    // Not the shape of a rank in part: it has defaults, which would change what is not named.
    body: z.strictObject({ cost: costShape.optional(), precedence: precedenceShape.optional(), ...SETTLED }),
    answer: 'empty',
    errors: ['ENTITY_CAN_NOT_BE_UPDATED'],
  }),
  deleteTerminator: defineEdgeRoute({
    ...admin,
    method: 'DELETE',
    path: '/terminators/{id}',
    summary: 'Let an endpoint host a service no more, until it asks again, and forget what was said of that',
    answer: 'empty',
  }),
} as const

type Settled = z.output<z.ZodObject<typeof SETTLED>>
type CreateBody = z.output<typeof API.createTerminator.body>

/** What these routes are served with. */
export interface ManagementTerminatorParts {
  readonly state: Pick<EdgeState, 'tables' | 'declared' | 'endpoints' | 'permit'>
  readonly terminators: Terminators
  readonly hub: { readonly id: HubId }
  /** Within a turn of `exclusive`. */
  readonly dropHosting: (record: HostingRecord) => Promise<void>
  /** Within a turn of `exclusive`. */
  readonly rankHosting: (record: HostingRecord, rank: Rank) => Promise<void>
}

/**
 * Routes of terminators: who hosts what, how that ranks, and how it will rank.
 *
 * A terminator comes with its hosting: only an endpoint's own user lets it host. What an administrator may do before is plan it.
 *
 * @see docs/decisions/0040-edge-entities-of-the-mesh.md
 */
export function serveManagementTerminators(
  context: Pick<Context, 'exclusive' | 'random' | 'log'>,
  parts: ManagementTerminatorParts,
): ServedRoute[] {
  const { exclusive, random, log } = context
  const { state, terminators, dropHosting, rankHosting } = parts
  const { plannedTerminators } = state.tables

  function require(id: string | undefined): Terminator {
    const found = terminators.get(id ?? '')
    if (found === undefined) throw missing('terminators', id)
    return found
  }

  async function create({ body, now, asker }: EdgeCall<CreateBody>): Promise<string> {
    const { service, host } = checkPlan(parts, body)
    const name = meshNameOf(service)
    const known = terminators.of(host.id, name)
    if (known !== undefined) {
      throw fieldError('address', `there is terminator ${known.id} of it already: change that`, body.address)
    }
    if (plannedTerminators.size >= MAX_ENTITIES) {
      const message = `There are ${MAX_ENTITIES} planned terminators already: delete some`
      throw new EdgeError('SERVER_TOO_MANY_REQUESTS', message)
    }
    const rank = { cost: body.cost ?? 0, precedence: body.precedence ?? 'default' }
    await plannedTerminators.put({
      version: 1,
      id: randomUuid(random),
      createdAtMs: now,
      updatedAtMs: now,
      tags: body.tags ?? {},
      endpoint: host.id,
      serviceId: service.id,
      rank,
    })
    log.info('hosting.planned', { service: name, endpoint: host.id, ...rank, by: whoIs({ asker }) })
    return require(terminators.of(host.id, name)?.id).id
  }

  /** @throws EdgeError NOT_FOUND, ENTITY_CAN_NOT_BE_UPDATED */
  function rank(
    { params, now }: EdgeCall,
    body: { [K in keyof (Rank & Settled)]?: (Rank & Settled)[K] | undefined },
  ) {
    return exclusive(async () => {
      const found = require(params.id)
      const shown = terminators.show(found) as Record<string, unknown>
      const is: Record<string, unknown> = { ...shown, service: found.serviceId, router: shown.routerId }
      for (const field of Object.keys(SETTLED) as (keyof Settled)[]) {
        if (body[field] === undefined || body[field] === is[field]) continue
        throw new EdgeError(
          'ENTITY_CAN_NOT_BE_UPDATED',
          `The ${field} of a terminator is its endpoint's to say`,
        )
      }
      const { cost = found.rank.cost, precedence = found.rank.precedence } = body
      const next = { cost, precedence }
      if (found.plan !== undefined) {
        await plannedTerminators.put({ ...found.plan, rank: next, updatedAtMs: now })
      }
      if (found.hosting !== undefined) await rankHosting(found.hosting, next)
      return { body: emptyEnvelope() }
    })
  }

  const handlers: EdgeHandlers<typeof API> = {
    listTerminators(call) {
      const show = (one: Terminator) => terminators.show(one)
      return pageOf({ symbols: TERMINATOR_SYMBOLS, show }, terminators.all(), call.query, call.now)
    },
    showTerminator: call => ({ body: oneEnvelope(terminators.show(require(call.params.id))) }),
    createTerminator: call =>
      exclusive(async () => ({ body: createEnvelope('terminators', await create(call)), status: 201 })),
    replaceTerminator: call => rank(call, call.body),
    patchTerminator: call => rank(call, call.body),
    deleteTerminator: call =>
      exclusive(async () => {
        const { plan, hosting } = require(call.params.id)
        if (plan !== undefined) await plannedTerminators.delete(plan.id)
        if (hosting !== undefined) await dropHosting(hosting)
        return { body: emptyEnvelope() }
      }),
  }
  return serveEdge(API, handlers)
}

/** What a new terminator is of. @throws EdgeError COULD_NOT_VALIDATE with why it cannot be */
function checkPlan(
  { state, hub }: Pick<ManagementTerminatorParts, 'state' | 'hub'>,
  body: CreateBody,
): { service: ServiceRecord; host: EndpointRecord } {
  const { tables, endpoints } = state
  const { services, edgeRouters } = tables
  if (body.binding != null && body.binding !== 'edge') {
    const reason =
      'hubs carry what they cannot read, and connect to no address: let an endpoint host the service'
    throw fieldError('binding', reason, body.binding)
  }
  const router = body.router ?? hub.id
  const routerId = (edgeRouters.get(router) ?? edgeRouters.named(router))?.id
  if (routerId !== hub.id) throw fieldError('router', 'there is no such edge router', router)
  if (body.identity != null && body.identity !== '') {
    const reason = 'the name of a hosting is its endpoint’s to say, when it hosts'
    throw fieldError('identity', reason, body.identity)
  }
  const service = services.get(body.service) ?? services.named(body.service)
  if (service === undefined) throw fieldError('service', 'there is no such service', body.service)
  const named = endpoints.named(body.address)
  const host = endpoints.get(body.address as EndpointId) ?? (named?.name === body.address ? named : undefined)
  if (host === undefined) throw fieldError('address', 'there is no such endpoint', body.address)
  if (isIdentityUser(host.user)) {
    const reason = `it is a login, which ends: set serviceHostingCosts of identity ${host.user}`
    throw fieldError('address', reason, body.address)
  }
  if (state.permit(host, service, 'Bind') === undefined) {
    const reason = 'no service policy lets this endpoint host the service: add one of type Bind'
    throw fieldError('address', reason, body.address)
  }
  return { service, host }
}
