import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { type Duplex, duplexPair } from 'node:stream'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { PORT_HEADER, SESSION_TICKET_HEADER } from '../core/api/peer-api.ts'
import type { Access } from '../core/api/shapes.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import { parseServiceName, type ServiceName, type UserName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock } from '../core/model/time.ts'
import { decide } from '../core/policy/decide.ts'
import type { Decision, Rule } from '../core/policy/rule.ts'
import { accessRules, explain } from '../core/policy/standing-rules.ts'
import { RESUME_HEADER, SIDE_STREAM_AUTHORITY } from '../core/stream/resume-headers.ts'
import { USAGE_HEADER } from '../core/stream/usage-header.ts'
import type { KeptBudget } from '../net/resumable-stream.ts'
import { refuseStream } from '../net/serve-http2.ts'
import { breakOff } from '../net/splice.ts'
import type { DatagramPath, Hosting, ServeOptions } from '../sdk/app.ts'
import type { GroupsNow } from './group-news.ts'
import { createHostingRetry } from './hosting-retry.ts'
import type { HubLink } from './hub-link.ts'
import { type Dialler, incomingOf, parsePort } from './incoming.ts'
import { createResumables } from './resumables.ts'
import type { KnownTicket } from './ticket-cache.ts'
import type { UsageReporter } from './usage.ts'

type Health = 'up' | 'partly' | 'down' | 'unknown'

interface HostedService {
  readonly service: ServiceName
  readonly options: ServeOptions
  access: Access
  rules: readonly Rule[]
  health: Health
  /** Why the controller does not list it, if it does not. */
  error: MeshError | undefined
  readonly open: Map<Duplex, Dialler>
}

/** What the hosting side of a mesh needs. */
export interface HostingsOptions {
  readonly endpoint: EndpointId
  readonly user: UserName
  readonly link: HubLink
  /** Check a session ticket. @throws MeshError `bad-ticket` */
  readonly checkTicket: (ticket: string, from: EndpointIdentity, service: ServiceName) => KnownTicket
  /** What resumable streams may keep. */
  readonly kept: KeptBudget
  readonly usage: Pick<UsageReporter, 'prepare' | 'requireRoom'>
  readonly clock: Clock
  readonly log: Log
}

/** A CONNECT from a peer. */
export interface PeerConnect {
  readonly carrier: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly from: EndpointIdentity
  /** Datagrams beside the stream, if it asks for them and they can come that way. Asked once, when it is let in. */
  readonly openFlow: () => DatagramPath | undefined
}

/** The services this endpoint hosts in one mesh. It decides who gets in: no hub is trusted with that. */
export interface Hostings extends Disposable {
  serve(service: ServiceName, options: ServeOptions): Promise<Hosting>
  /** A CONNECT from a peer. Answers it whatever happens. */
  receive(connect: PeerConnect): void
  /** A dial from this very endpoint. @throws MeshError `not-found` */
  receiveLocal(service: ServiceName, from: EndpointIdentity, port: number | undefined): Duplex
  has(service: ServiceName): boolean
  /** The controller lists a hosting of ours no more: it is tried again and again. */
  ended(service: ServiceName, error: MeshError): void
  /** A link opened: tell the controller what is hosted here, and what no longer is. */
  announce(): Promise<void>
  /** Break the streams of those who are out, also those that wait for a path. */
  drop(isGone: (identity: EndpointIdentity) => boolean): void
  /** Break the streams to some services of those who may not dial them any more. */
  revoke(services: readonly ServiceName[], isMeant: (identity: EndpointIdentity) => boolean): void
  /** Groups changed: break the streams of those who may not dial any more, and those whose app may have decided by groups. */
  regroup(groupsNow: GroupsNow): void
  /** Those with open streams from other endpoints, each once a service. */
  diallers(): { service: ServiceName; user: UserName; endpoint: EndpointId }[]
  /** Who has streams open to which groups matter, and when the last of their tickets was issued; undefined for nobody. */
  groupDiallers(): { readonly endpoints: readonly EndpointId[]; readonly issuedAtMs: number } | undefined
}

/** Make the hosting side of one mesh. */
export function createHostings(options: HostingsOptions): Hostings {
  const { link, log, clock } = options
  const hosted = new Map<ServiceName, HostedService>()
  const resumables = createResumables({ budget: options.kept, log })

  const retry = createHostingRetry(async () => {
    const refused = [...hosted.values()].filter(({ error }) => error !== undefined)
    if (link.session !== undefined) await Promise.all(refused.map(announceOne))
    return refused.some(({ error }) => error !== undefined)
  })

  async function announceOne(one: HostedService): Promise<void> {
    // A hub of before knows no groups, and refuses what it does not know.
    const { groups, ...others } = one.access
    const access = groups === undefined || groups.length === 0 ? others : one.access
    try {
      await link.call(CONTROLLER_API.host, {
        params: { service: one.service },
        body: {
          access,
          health: one.health,
          ...(one.options.rank && { rank: one.options.rank }),
          ...(one.options.instance && { instance: one.options.instance }),
        },
      })
      one.error = undefined
    } catch (thrown) {
      const before = one.error?.code
      one.error = toMeshError(thrown)
      retry.soon()
      // Told once: it is tried again and again.
      if (one.error.kind.retry || one.error.code === 'offline' || one.error.code === before) return
      log.warn('hosting.refused', { service: one.service, code: one.error.code, reason: one.error.message })
    }
  }

  function mayDial(one: HostedService, { identity, isByPolicy, groups }: Dialler): Decision {
    const { user, endpoint } = identity
    const subject = { user, endpoint, labels: [], groups, isAdmin: false }
    const resource = {
      kind: 'service',
      service: one.service,
      owner: options.user,
      endpoint: options.endpoint,
    } as const
    const decision = decide(subject, 'dial', resource, one.rules, clock.now())
    const isLeftToPolicy = decision.rule === undefined && one.access.policies === true
    return isLeftToPolicy && isByPolicy ? { allow: true, rule: BY_POLICY } : decision
  }

  function setAccess(one: HostedService, access: Access): void {
    one.access = access
    one.rules = accessRules(one.service, options.endpoint, options.user, access)
    for (const [stream, from] of one.open) {
      if (mayDial(one, from).allow) continue
      const peer = from.identity.endpoint
      log.info('stream.ended', { service: one.service, peer, reason: 'access was taken back' })
      breakOff(stream)
    }
  }

  function track(one: HostedService, stream: Duplex, from: Dialler): void {
    one.open.set(stream, from)
    stream.on('close', () => one.open.delete(stream))
  }

  function requireLeave(one: HostedService, from: Dialler): void {
    const decision = mayDial(one, from)
    if (decision.allow) return
    const why = explain(decision)
    throw new MeshError(
      'denied',
      `Cannot open stream to "${one.service}": ${why}: ask its owner to let you in`,
    )
  }

  function admit(
    headers: IncomingHttpHeaders,
    identity: EndpointIdentity,
  ): { one: HostedService; port: number | undefined; from: Dialler; ticket: KnownTicket } {
    const service = parseServiceName(decodeURIComponent(String(headers[':authority'])))
    const ticket = headers[SESSION_TICKET_HEADER]
    if (typeof ticket !== 'string')
      throw new MeshError('bad-ticket', `Cannot open stream to "${service}": no session ticket`)
    const known = options.checkTicket(ticket, identity, service)
    const one = hosted.get(service)
    if (one === undefined)
      throw new MeshError('not-found', `Cannot open stream to "${service}": not hosted here`)
    const { isByPolicy, groups, issuedAtMs } = known
    const from: Dialler = { identity, isByPolicy, groups, issuedAtMs, isJudgedByGroups: false }
    requireLeave(one, from)
    return { one, port: parsePort(headers[PORT_HEADER]), from, ticket: known }
  }

  function meter(service: ServiceName, dialler: EndpointIdentity, ticket: KnownTicket) {
    const { id: session, reportEveryMs } = ticket
    if (reportEveryMs === undefined) return undefined
    options.usage.requireRoom(service)
    return options.usage.prepare({ session, service, end: 'host', dialler, reportEveryMs })
  }

  return {
    async serve(service, serveOptions) {
      if (hosted.has(service))
        throw new MeshError('conflict', `Cannot host "${service}": it is hosted here already`)
      const one: HostedService = {
        service,
        options: serveOptions,
        access: serveOptions.access,
        rules: [],
        health: 'unknown',
        error: undefined,
        open: new Map(),
      }
      setAccess(one, serveOptions.access)
      hosted.set(service, one)
      if (link.session !== undefined) await announceOne(one)
      if (one.error !== undefined && !one.error.kind.retry) {
        hosted.delete(service)
        throw one.error
      }
      return {
        get error() {
          return one.error
        },
        async update(access) {
          setAccess(one, access)
          if (link.session !== undefined) await announceOne(one)
        },
        report(health) {
          if (one.health === health) return
          one.health = health
          if (link.session !== undefined) void announceOne(one)
        },
        async [Symbol.asyncDispose]() {
          if (!hosted.delete(service) || link.session === undefined) return
          await link.call(CONTROLLER_API.unhost, { params: { service } }).catch(error => {
            log.debug('hosting.not-removed', { service, reason: toMeshError(error).message })
          })
        },
      }
    },
    has: service => hosted.has(service),
    receive({ carrier: stream, headers, from, openFlow }) {
      try {
        if (headers[':authority'] === SIDE_STREAM_AUTHORITY) {
          resumables.openSide(stream, headers)
          return
        }
        const { one, port, from: dialler, ticket } = admit(headers, from)
        const isResumed = headers[RESUME_HEADER] !== undefined
        const metered = isResumed ? undefined : meter(one.service, from, ticket)
        const answer = metered === undefined ? {} : { [USAGE_HEADER]: metered.stream }
        const admitted = { carrier: stream, headers, from, service: one.service, answer }
        if (isResumed) {
          resumables.resume(admitted)
          return
        }
        track(one, stream, dialler)
        const accept = (isToldLater: boolean) => {
          const resumable = resumables.accept(admitted, isToldLater)
          if (resumable === undefined) return undefined
          one.open.delete(stream)
          track(one, resumable, dialler)
          return resumable
        }
        const { id: sessionId } = ticket
        const flow = openFlow()
        const datagrams = flow && (metered?.datagrams(flow) ?? flow)
        const onOpen = (opened: Duplex) => metered?.start(opened)
        one.options.onStream(incomingOf(admitted, { dialler, port, accept, sessionId, datagrams, onOpen }))
      } catch (thrown) {
        const error =
          thrown instanceof URIError
            ? new MeshError('bad-name', 'Cannot open stream: name is not encoded')
            : toMeshError(thrown)
        log.info('stream.refused', {
          peer: from.endpoint,
          user: from.user,
          code: error.code,
          reason: error.message,
        })
        refuseStream(stream, error)
      }
    },
    receiveLocal(service, from, port) {
      const one = hosted.get(service)
      if (one === undefined)
        throw new MeshError('not-found', `Cannot open stream to "${service}": not hosted here`)
      const dialler = {
        identity: from,
        isByPolicy: false,
        groups: [],
        issuedAtMs: 0,
        isJudgedByGroups: false,
      }
      requireLeave(one, dialler)
      const [near, far] = duplexPair()
      for (const side of [near, far]) side.on('error', () => {})
      near.once('close', () => far.destroy())
      far.once('close', () => near.destroyed || near.readableEnded || near.destroy())
      track(one, far, dialler)
      const abort = new AbortController()
      one.options.onStream({
        service,
        from,
        groups: [],
        ...(port !== undefined && { port }),
        signal: abort.signal,
        accept: () => far,
        refuse: error => far.destroy(error),
      })
      return near
    },
    drop: isGone => resumables.drop(isGone),
    revoke(services, isMeant) {
      for (const service of services) {
        for (const [stream, { identity }] of hosted.get(service)?.open ?? []) {
          if (!isMeant(identity)) continue
          log.info('stream.ended', { service, peer: identity.endpoint, reason: 'access was revoked' })
          breakOff(stream)
        }
      }
    },
    regroup(groupsNow) {
      for (const one of hosted.values()) {
        for (const [stream, dialler] of one.open) {
          const { user, endpoint: peer } = dialler.identity
          const groups = groupsNow(peer, dialler.groups, dialler.issuedAtMs)
          if (groups === dialler.groups) continue
          dialler.groups = groups
          if (!dialler.isJudgedByGroups && mayDial(one, dialler).allow) continue
          log.info('stream.ended', { service: one.service, peer, user, reason: 'groups changed' })
          breakOff(stream)
        }
      }
    },
    diallers: () =>
      [...hosted.values()].flatMap(({ service, open }) => {
        const users = new Map([...open.values()].map(({ identity }) => [identity.endpoint, identity.user]))
        users.delete(options.endpoint)
        return [...users].map(([endpoint, user]) => ({ service, user, endpoint }))
      }),
    groupDiallers() {
      const open = [...hosted.values()].flatMap(one => [...one.open.values()])
      const judged = open.filter(({ groups, isJudgedByGroups }) => groups.length > 0 || isJudgedByGroups)
      if (judged.length === 0) return undefined
      return {
        endpoints: [...new Set(judged.map(({ identity }) => identity.endpoint))],
        issuedAtMs: judged.reduce((last, { issuedAtMs }) => Math.max(last, issuedAtMs), 0),
      }
    },
    ended(service, error) {
      const one = hosted.get(service)
      if (one === undefined) return
      one.error = error
      retry.soon()
    },
    [Symbol.dispose]() {
      retry[Symbol.dispose]()
      resumables[Symbol.dispose]()
    },
    async announce() {
      const { services } = await link.call(CONTROLLER_API.listServices, {})
      const stale = services.filter(
        ({ name, hostings }) =>
          !hosted.has(name) && hostings.some(({ endpoint }) => endpoint === options.endpoint),
      )
      await Promise.all([
        ...[...hosted.values()].map(announceOne),
        ...stale.map(({ name }) =>
          link.call(CONTROLLER_API.unhost, { params: { service: name } }).catch(() => {}),
        ),
      ])
    },
  }
}

/** The owner of the hosting left it to the controller's service policies. */
const BY_POLICY: Rule = {
  id: 'service policies of the controller',
  effect: 'allow',
  actions: ['dial'],
  who: {},
  what: { kind: 'service' },
}
