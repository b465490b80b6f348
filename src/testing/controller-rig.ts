import { X509Certificate } from 'node:crypto'
import { type Controller, type ControllerOptions, openController } from '../controller/controller.ts'
import type { Caller } from '../core/api/caller.ts'
import type { ControllerChange } from '../core/api/controller.ts'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Answer, Arguments, Route } from '../core/api/route.ts'
import type { EndpointId, HubId } from '../core/model/ids.ts'
import type { Name, UserName } from '../core/model/names.ts'
import { type EndpointIdentity, type Identity, parseSpiffeId } from '../core/model/spiffe-id.ts'
import type { Store } from '../core/model/store.ts'
import { type Authority, openAuthority } from '../pki/authority.ts'
import { checkChain } from '../pki/check.ts'
import type { HubTokenSigner } from '../pki/hub-token.ts'
import { createKeyPair, type KeyPair } from '../pki/key-pair.ts'
import { createSigningRequest } from '../pki/signing-request.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'
import { createRecordedLog, type RecordedLog } from './recorded-log.ts'

type Api = typeof CONTROLLER_API

/** A key on some computer, and the request it makes. */
export interface Device {
  readonly key: KeyPair
  readonly request: string
}

/** An endpoint that joined in a test. */
export interface Member {
  readonly device: Device
  readonly id: EndpointId
  readonly user: UserName
  readonly name: Name
  readonly identity: EndpointIdentity
  readonly issuedAtMs: number
  /** As the hub hands it to the handlers. */
  readonly caller: Caller
}

/** How a test lets a device join. */
export interface JoinWish {
  readonly name: string
  readonly device?: Device
  /** Else the root permit is used. */
  readonly token?: string
  readonly isReplacing?: boolean
  readonly labels?: string[]
  readonly address?: string
}

/** A controller with an authority, a store and a clock, and devices to try it with. */
export interface ControllerRig extends AsyncDisposable {
  readonly controller: Controller
  readonly authority: Authority
  readonly clock: ManualClock
  readonly log: RecordedLog
  readonly store: Store
  readonly hub: HubId
  readonly signer: HubTokenSigner
  /** What the controller told its listeners. */
  readonly changes: ControllerChange[]
  /** Call a route as the hub does: parsed by its shapes, defaults filled in. */
  ask<K extends keyof Api>(name: K, caller: Caller, args?: Arguments<Api[K]>): Promise<Answer<Api[K]>>
  join(wish: JoinWish): Promise<Member>
  /** Invite a user and let a device of theirs join. */
  joinAs(user: string, name: string, device?: Device): Promise<Member>
  invite(
    user: string,
    options?: Partial<Arguments<Api['invite']>['body']>,
  ): Promise<{ id: string; token: string }>
  /** Who shows the root permit's certificate. */
  permitCaller(address?: string): Promise<Caller>
  /** Close the controller and open another on the same store. */
  reopen(): Promise<void>
}

/** Make a rig. Its administrator, who invites, is the first who joins by the root permit. */
export async function openControllerRig(options: Partial<ControllerOptions> = {}): Promise<ControllerRig> {
  const clock = createManualClock()
  const log = createRecordedLog()
  const store = options.store ?? (await openSqliteStore(':memory:'))
  const authority = await openMemoryAuthority(clock.now())
  const hub = '7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c11' as HubId
  const signer = await issueHub(authority, hub, clock.now())
  const changes: ControllerChange[] = []
  let root: Member | undefined

  async function open(): Promise<Controller> {
    const opened = await openController({
      store,
      authority,
      hub: { id: hub, names: ['hub.example:8888'] },
      signer: () => signer,
      clock,
      log,
      ...options,
    })
    opened.onChange(change => changes.push(change))
    return opened
  }

  let controller = await open()

  const rig: ControllerRig = {
    get controller() {
      return controller
    },
    authority,
    clock,
    log,
    store,
    hub,
    signer,
    changes,
    ask(name, caller, args) {
      const handler = controller.handlers[name] as (call: unknown) => Promise<never>
      return handler({
        ...parseArguments(ROUTES[name] as Route, args as unknown as CallParts | undefined),
        caller,
      })
    },
    async join(wish) {
      const device = wish.device ?? (await createDevice())
      const caller =
        wish.token === undefined ? await rig.permitCaller(wish.address) : { ...STRANGER, ...at(wish.address) }
      const { name, token, isReplacing, labels } = wish
      const { request } = device
      const body = { request, name, token, isReplacing, labels, version: '0.1.0', timeMs: clock.now() }
      const answer = await rig.ask('enroll', caller, { body })
      const member = memberOf(answer, device, authority, clock.now())
      if (token === undefined) root ??= member
      return member
    },
    async joinAs(user, name, device) {
      const { token } = await rig.invite(user)
      return rig.join({ name, token, ...(device && { device }) })
    },
    async invite(user, wish = {}) {
      const by = root ?? (await rig.join({ name: 'root-of-the-rig' }))
      const { invitation, token } = await rig.ask('invite', by.caller, { body: { ...wish, user } })
      return { id: invitation.id, token }
    },
    async permitCaller(address) {
      const { agent } = await controller.rootPermit()
      return { identity: identityOf(agent.certificate ?? ''), ...at(address) }
    },
    async reopen() {
      await controller[Symbol.asyncDispose]()
      controller = await open()
    },
    async [Symbol.asyncDispose]() {
      await controller[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
  return rig
}

/** A computer with a key of its own. */
export async function createDevice(): Promise<Device> {
  const key = await createKeyPair()
  return { key, request: await createSigningRequest(key) }
}

/** An authority whose files are in memory. */
export async function openMemoryAuthority(now: number): Promise<Authority> {
  const files = new Map<string, string>()
  const folder = {
    readSecret: async (name: string) => files.get(name),
    writeSecret: async (name: string, text: string) => void files.set(name, text),
  }
  return openAuthority({ folder, now })
}

/** A hub's key and certificate. */
export async function issueHub(authority: Authority, hub: HubId, now: number): Promise<HubTokenSigner> {
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const identity = { kind: 'hub', mesh: authority.mesh, hub } as const
  const { chainPem } = await authority.issue({ identity, publicKeyPem, validMs: 7 * 86_400_000 }, now)
  return { chainPem, privateKeyPem }
}

/** Somebody without a certificate. */
export const STRANGER: Caller = { identity: undefined, address: '192.0.2.7:40000' }

function at(address = STRANGER.address): { address: string } {
  return { address }
}

function memberOf(answer: Answer<Api['enroll']>, device: Device, authority: Authority, now: number): Member {
  const { endpoint: id, user, name, chain } = answer
  const checked = checkChain(chain, { rootPem: authority.rootCertificatePem, now, expect: ['endpoint'] })
  const identity = { kind: 'endpoint', mesh: authority.mesh, user, endpoint: id } as const
  const caller = { identity, address: '192.0.2.9:50000', issuedAtMs: checked.issuedAtMs }
  return { device, id, user, name, identity, issuedAtMs: checked.issuedAtMs, caller }
}

function identityOf(chainPem: string): Identity {
  const uri = /URI:(\S+)/.exec(new X509Certificate(chainPem).subjectAltName ?? '')?.[1]
  return parseSpiffeId(uri ?? '')
}

type CallParts = { params?: unknown; query?: unknown; body?: unknown }

function parseArguments(route: Route, args: CallParts = {}) {
  return {
    params: route.params?.parse(args.params),
    query: route.query?.parse(args.query ?? {}),
    body: route.body?.parse(args.body),
  }
}

/** By name alone: the union of the types of all routes is more than the compiler bears. */
const ROUTES: Record<string, Route> = CONTROLLER_API
