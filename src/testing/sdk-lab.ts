import assert from 'node:assert/strict'
import { z } from 'zod'
import type { PathKind } from '../core/path/path-kind.ts'
import { type HttpsPool, openHttpsPool } from '../net/https-pool.ts'
import type { Context } from '../sdk/context.ts'
import type { ContextOptions } from '../sdk/context-options.ts'
import { createContext } from '../sdk/create-context.ts'
import { readAnswer, readEnvelope } from '../sdk/edge-answers.ts'
import { createLocalMesh, type LocalMesh, type LocalMeshOptions } from './local-mesh.ts'

/** An identity of the controller, and the key that logs it in. */
export interface LabIdentity {
  readonly id: string
  readonly name: string
  readonly apiKey: string
}

/** A mesh with a controller at which programs log in, over real sockets on loopback. */
export interface SdkLab extends AsyncDisposable {
  readonly mesh: LocalMesh
  readonly controllerUrl: string
  /** Ask the management API as an administrator. @returns `data` of the answer */
  manage(method: string, path: string, body?: object): Promise<unknown>
  /** Ask the client API as nobody. @returns `data` of the answer */
  ask(method: string, path: string, body?: object): Promise<unknown>
  /** Create an entity. @returns its id */
  create(type: string, body: object): Promise<string>
  /** An identity with an API key. @param roles  `#…` of policies, without the # */
  identity(name: string, ...roles: string[]): Promise<LabIdentity>
  /** A service that everybody with role `dialler` may dial and everybody with role `host` may host. @returns its id */
  service(name: string, more?: object): Promise<string>
  /** What a program of this identity would make. Closed with the lab. */
  context(identity: LabIdentity, options?: ContextOptions): Context
  /** The environment of a program of this identity. */
  env(identity: LabIdentity): Record<string, string>
}

/** Make a lab. */
export async function createSdkLab(options: LocalMeshOptions = {}): Promise<SdkLab> {
  const mesh = await createLocalMesh(options)
  const admin = await mesh.member('admin')
  const rootPem = mesh.authority.rootCertificatePem
  const controllerUrl = `https://${mesh.address}`
  const to = {
    origin: controllerUrl,
    trust: { kind: 'hub', rootPem, mesh: mesh.authority.mesh } as const,
    connectTimeoutMs: 20_000,
  }
  const anybody = openHttpsPool(to)
  const pool = openHttpsPool({
    ...to,
    identity: { certificatePem: admin.chainPem, privateKeyPem: admin.privateKeyPem },
  })
  const contexts: Context[] = []

  async function send(via: HttpsPool, method: string, path: string, body?: object): Promise<unknown> {
    const { status, text } = await via.request({
      method,
      path,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      timeoutMs: 10_000,
    })
    assert.ok(status < 300, `${method} ${path}: ${status} ${text}`)
    return readEnvelope(text).data
  }
  const manage = (method: string, path: string, body?: object) =>
    send(pool, method, `/edge/management/v1${path}`, body)
  const create = async (type: string, body: object) =>
    readAnswer(z.object({ id: z.string() }), await manage('POST', `/${type}`, body), type).id

  for (const [type, role] of [
    ['Dial', '#dialler'],
    ['Bind', '#host'],
  ]) {
    const roles = { semantic: 'AnyOf', identityRoles: [role], serviceRoles: ['#lab'] }
    await create('service-policies', { name: `lab-${type}`, type, ...roles })
  }
  return {
    mesh,
    controllerUrl,
    manage,
    ask: (method, path, body) => send(anybody, method, `/edge/client/v1${path}`, body),
    create,
    async identity(name, ...roleAttributes) {
      const id = await create('identities', { name, type: 'Device', isAdmin: false, roleAttributes })
      const made = await manage('POST', '/authenticators', { identityId: id, method: 'api-key' })
      const { apiKey } = readAnswer(z.object({ apiKey: z.string() }), made, 'authenticator')
      return { id, name, apiKey }
    },
    service: (name, more = {}) =>
      create('services', { name, encryptionRequired: true, roleAttributes: ['lab'], ...more }),
    context({ apiKey }, more = {}) {
      const context = createContext({
        controllerUrl,
        credentials: { apiKey },
        ca: rootPem,
        paths: RELAY,
        env: {},
        ...more,
      })
      contexts.push(context)
      return context
    },
    env: ({ apiKey }) => ({
      ZTM_CONTROLLER_URL: controllerUrl,
      ZTM_MESH: mesh.authority.mesh,
      HANZO_API_KEY: apiKey,
    }),
    async [Symbol.asyncDispose]() {
      await Promise.all(contexts.map(context => context.close()))
      await pool[Symbol.asyncDispose]()
      await anybody[Symbol.asyncDispose]()
      await mesh[Symbol.asyncDispose]()
    },
  }
}

/** Unless a test asks for others: so that what it sees does not depend on a race. */
const RELAY: readonly PathKind[] = ['relay']
