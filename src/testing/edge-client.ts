import assert from 'node:assert/strict'
import type { Caller } from '../core/api/caller.ts'
import { type ControllerRig, type Member, STRANGER } from './controller-rig.ts'

/** One answer of the Edge APIs. */
export interface EdgeAnswered {
  readonly status: number
  readonly headers: Headers
  /** Parsed where it is JSON, text otherwise. */
  readonly body: unknown
  readonly isKnown: boolean
}

/** What a test asks. */
export interface EdgeAsk {
  readonly body?: unknown
  readonly token?: string
  readonly headers?: Record<string, string>
  readonly caller?: Caller
}

/** Asks the Edge APIs of a controller, without a network. */
export interface EdgeClient {
  /** @param path  below `/edge/client/v1` unless it begins with `/edge` or `/.` */
  ask(method: string, path: string, ask?: EdgeAsk): Promise<EdgeAnswered>
  /** As an administrator: an endpoint of root. @param path  below `/edge/management/v1` */
  manage(method: string, path: string, body?: unknown): Promise<EdgeAnswered>
  /** Create an entity. @returns its id */
  create(type: string, body: unknown): Promise<string>
  /** An identity with a password, and a login by it. */
  logIn(name: string, more?: object): Promise<{ identityId: string; token: string; sessionId: string }>
}

/** Make a client, with an endpoint of root to administer by. */
export async function createEdgeClient(rig: ControllerRig): Promise<EdgeClient & { readonly root: Member }> {
  const root = await rig.join({ name: 'admin-laptop' })

  const ask: EdgeClient['ask'] = async (
    method,
    path,
    { body, token, headers = {}, caller = STRANGER } = {},
  ) => {
    const isFull = path.startsWith('/edge') || path.startsWith('/.')
    const request = new Request(`https://mesh${isFull ? path : `/edge/client/v1${path}`}`, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { 'zt-session': token }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const { response, isKnown } = await rig.controller.edge(request, caller)
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
      isKnown,
    }
  }
  const manage: EdgeClient['manage'] = (method, path, body) =>
    ask(method, `/edge/management/v1${path}`, { caller: root.caller, ...(body !== undefined && { body }) })
  const create: EdgeClient['create'] = async (type, body) => {
    const answer = await manage('POST', `/${type}`, body)
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return (answer.body as { data: { id: string } }).data.id
  }
  return {
    root,
    ask,
    manage,
    create,
    async logIn(name, more = {}) {
      const identityId = await create('identities', { name, type: 'Device', isAdmin: false, ...more })
      const made = await manage('POST', '/authenticators', { identityId, method: 'api-key' })
      const { apiKey } = (made.body as { data: { apiKey: string } }).data
      const headers = { authorization: `Bearer ${apiKey}` }
      const answer = await ask('POST', '/authenticate?method=api-key', { headers, body: {} })
      assert.equal(answer.status, 200, JSON.stringify(answer.body))
      const { data } = answer.body as { data: { token: string; id: string } }
      return { identityId, token: data.token, sessionId: data.id }
    },
  }
}

/** The code of an error answer. */
export function codeOf({ body }: EdgeAnswered): string {
  return (body as { error?: { code?: string } } | undefined)?.error?.code ?? 'none'
}

/** `data` of an answer. */
export function dataOf<T = Record<string, unknown>>({ body }: EdgeAnswered): T {
  return (body as { data: T }).data
}
