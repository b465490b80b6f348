import { EDGE_CLIENT_PATH } from '../core/api/edge-path.ts'
import { type ErrorCode, MeshError, toMeshError } from '../core/model/errors.ts'
import { printable } from '../core/model/quote.ts'
import type { HttpsAnswer, HttpsPool } from '../net/https-pool.ts'
import type { Credential } from './credentials.ts'
import { type EdgeAnswer, loginShape, readAnswer, readEnvelope } from './edge-answers.ts'
import { toZtmError, ZtmError, type ZtmErrorReason } from './ztm-error.ts'

/** A login that is good. */
export interface EdgeLogin {
  /** Id of the API session. */
  readonly sessionId: string
  /** Secret. */
  readonly token: string
  readonly identityId: string
  readonly identityName: string
}

/** A request to the Edge client API. */
export interface EdgeRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below `/edge/client/v1`. */
  readonly path: string
  readonly body?: object
  readonly signal?: AbortSignal | undefined
}

/** What the client needs. */
export interface EdgeClientOptions {
  readonly credential: Credential
  /** Asked until it gives one: a controller that was away may be back. */
  readonly openPool: () => Promise<HttpsPool>
  readonly requestTimeoutMs: number
  readonly random: () => number
  /** Told to the controller at a login. */
  readonly sdkInfo: Readonly<Record<string, string>>
  readonly envInfo: Readonly<Record<string, string>>
  readonly onLogin: (login: EdgeLogin) => void
}

/** Talks to the controller as a program that logs in. */
export interface EdgeClient extends AsyncDisposable {
  readonly login: EdgeLogin | undefined
  /** Log in, unless a login is at hand. Asked at the same time by several, it happens once. @throws ZtmError */
  authenticate(signal?: AbortSignal): Promise<EdgeLogin>
  /** The login at hand is good no more. */
  forget(login: EdgeLogin): void
  /** `data` of an answer; logs in before, and once more where the login turns out to have ended. @throws ZtmError */
  call(request: EdgeRequest): Promise<unknown>
  /** All of a list, page by page. @throws ZtmError */
  list(path: string, signal?: AbortSignal): Promise<unknown[]>
  /** End the login, if there is one; never throws. */
  logout(): Promise<void>
}

/** Make a client. */
export function createEdgeClient(options: EdgeClientOptions): EdgeClient {
  return new EdgeClientRun(options)
}

class EdgeClientRun implements EdgeClient {
  readonly #options: EdgeClientOptions
  login: EdgeLogin | undefined
  #loggingIn: Promise<EdgeLogin> | undefined
  #pool: Promise<HttpsPool> | undefined
  #keepTimer: NodeJS.Timeout | undefined
  readonly #over = new AbortController()

  constructor(options: EdgeClientOptions) {
    this.#options = options
  }

  authenticate(signal?: AbortSignal): Promise<EdgeLogin> {
    if (this.login !== undefined) return Promise.resolve(this.login)
    this.#loggingIn ??= this.#logIn().finally(() => {
      this.#loggingIn = undefined
    })
    return signal === undefined ? this.#loggingIn : untilAborted(this.#loggingIn, signal)
  }

  forget(login: EdgeLogin): void {
    if (this.login !== login) return
    this.login = undefined
    clearTimeout(this.#keepTimer)
  }

  async call(request: EdgeRequest): Promise<unknown> {
    return (await this.#callAsSession(request)).data
  }

  async list(path: string, signal?: AbortSignal): Promise<unknown[]> {
    const found: unknown[] = []
    for (;;) {
      const query = `limit=${PAGE_COUNT}&offset=${found.length}`
      const { data, totalCount } = await this.#callAsSession({
        method: 'GET',
        path: `${path}?${query}`,
        signal,
      })
      if (!Array.isArray(data)) throw toZtmError(new MeshError('bad-message', `Cannot read ${path}: no list`))
      found.push(...data)
      const isAll = data.length === 0 || totalCount === undefined || found.length >= totalCount
      if (isAll || found.length >= MAX_LISTED) return found
    }
  }

  async logout(): Promise<void> {
    const { login } = this
    if (login === undefined) return
    this.forget(login)
    const request = { method: 'DELETE', path: '/current-api-session' } as const
    await this.#send(request, sessionHeader(login), LOGOUT_TIMEOUT_MS).catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#keepTimer)
    this.#over.abort()
    const pool = await this.#pool?.catch(() => undefined)
    await pool?.[Symbol.asyncDispose]()
  }

  async #logIn(): Promise<EdgeLogin> {
    const { credential, sdkInfo, envInfo, onLogin } = this.#options
    const answer = await this.#retrying(async () => {
      const { method, authorization, body } = await credential.proof()
      return await this.#send(
        {
          method: 'POST',
          path: `/authenticate?method=${method}`,
          body: { ...body, configTypes: ['all'], sdkInfo, envInfo },
        },
        authorization === undefined ? {} : { authorization },
      )
    }, true).catch(error => {
      throw asLoginFailure(error)
    })
    const { id, token, identity, expirationSeconds } = readAnswer(loginShape, answer.data, 'login')
    const login = { sessionId: id, token, identityId: identity.id, identityName: identity.name }
    this.login = login
    this.#keepAlive(login, expirationSeconds)
    onLogin(login)
    return login
  }

  /** A session that nobody uses ends; one that has a link to a hub would not, but it may have none for a while. */
  #keepAlive(login: EdgeLogin, expirationSeconds = DEFAULT_SESSION_SECONDS): void {
    const delayMs = Math.min(Math.max((expirationSeconds * 2_000) / 3, 1_000), LONGEST_KEEP_MS)
    clearTimeout(this.#keepTimer)
    this.#keepTimer = setTimeout(() => {
      if (this.login !== login) return
      const request = { method: 'GET', path: '/current-api-session' } as const
      this.#send(request, sessionHeader(login)).then(
        () => this.#keepAlive(login, expirationSeconds),
        error => {
          if (isUnauthorized(error)) this.forget(login)
          else this.#keepAlive(login, Math.min(expirationSeconds, 60))
        },
      )
    }, delayMs).unref()
  }

  async #callAsSession(request: EdgeRequest): Promise<EdgeAnswer> {
    for (let isFirst = true; ; isFirst = false) {
      const login = await this.authenticate(request.signal)
      try {
        const send = () => this.#send(request, sessionHeader(login))
        return await this.#retrying(send, request.method !== 'POST', request.signal)
      } catch (error) {
        if (!isUnauthorized(error)) throw error
        this.forget(login)
        if (!isFirst) throw error
      }
    }
  }

  /** @param mayRepeat  a request that may have arrived may be sent again */
  async #retrying<T>(send: () => Promise<T>, mayRepeat: boolean, signal?: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await send()
      } catch (thrown) {
        const error = toZtmError(thrown)
        const waitMs = waitBefore(error, { attempt, mayRepeat, random: this.#options.random })
        if (waitMs === undefined || signal?.aborted || this.#over.signal.aborted) throw error
        await delay(waitMs, [this.#over.signal, ...(signal === undefined ? [] : [signal])])
      }
    }
  }

  async #send(
    { method, path, body, signal }: EdgeRequest,
    headers: Readonly<Record<string, string>>,
    timeoutMs = this.#options.requestTimeoutMs,
  ): Promise<EdgeAnswer> {
    this.#over.signal.throwIfAborted()
    this.#pool ??= this.#options.openPool()
    const pool = await this.#pool.catch(error => {
      this.#pool = undefined
      throw error
    })
    const answer = await pool
      .request({
        method,
        path: `${EDGE_CLIENT_PATH}${path}`,
        headers: {
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        timeoutMs,
        signal,
      })
      .catch(thrown => {
        throw unreachable(toMeshError(thrown), timeoutMs)
      })
    return readStatus(answer)
  }
}

/** @throws ZtmError for anything but a success */
function readStatus(answer: HttpsAnswer): EdgeAnswer {
  const { status, text, headers } = answer
  const isGood = status >= 200 && status < 300
  if (isGood)
    return status === 204 ? { data: {}, totalCount: undefined, error: undefined } : readEnvelope(text)
  let told: EdgeAnswer['error']
  try {
    told = readEnvelope(text).error
  } catch {
    // A proxy's page, say.
  }
  const controllerCode = told?.code ?? `HTTP ${status}`
  const [reason, code] = REASONS[controllerCode] ?? reasonOfStatus(status)
  const message = `Cannot do that: controller said ${controllerCode}: ${printable(told?.message ?? '', 512)}`
  const error = new ZtmError(reason, { code, message }, { status, controllerCode })
  const retryAfter = Number(headers['retry-after'])
  if (Number.isFinite(retryAfter) && retryAfter > 0) RETRY_AFTER.set(error, retryAfter * 1_000)
  throw error
}

const RETRY_AFTER = new WeakMap<ZtmError, number>()

function reasonOfStatus(status: number): readonly [ZtmErrorReason, ErrorCode] {
  if (status === 401) return ['not-authenticated', 'not-logged-in']
  if (status === 402) return ['insufficient-balance', 'insufficient-balance']
  if (status === 404) return ['controller', 'not-found']
  if (status === 429) return ['limit', 'too-many']
  if (status >= 500) return ['controller', 'offline']
  return ['controller', 'bad-input']
}

const REASONS: Readonly<Record<string, readonly [ZtmErrorReason, ErrorCode]>> = {
  INVALID_AUTH: ['auth-failed', 'not-logged-in'],
  UNAUTHORIZED: ['not-authenticated', 'not-logged-in'],
  NO_EDGE_ROUTERS_AVAILABLE: ['no-edge-routers', 'offline'],
  INSUFFICIENT_BALANCE: ['insufficient-balance', 'insufficient-balance'],
  REQUEST_ENTITY_TOO_LARGE: ['limit', 'too-large'],
}

/** A controller that does not answer says nothing of the login. */
function unreachable(error: MeshError, timeoutMs: number): ZtmError {
  if (error.code === 'timed-out') return toZtmError(error, { operation: 'request', timeoutMs })
  return error.code === 'link-closed'
    ? new ZtmError('connection-failed', { code: error.code, message: error.message, cause: error })
    : toZtmError(error)
}

/** A refused login is one, however the controller says it. */
function asLoginFailure(thrown: unknown): ZtmError {
  const error = toZtmError(thrown)
  const { status, controllerCode, message } = error
  if (status === undefined || status === 429 || status >= 500) return error
  const text = message.replace('Cannot do that', 'Cannot log in')
  return new ZtmError(
    'auth-failed',
    { code: 'not-logged-in', message: text, cause: error },
    { status, ...(controllerCode !== undefined && { controllerCode }) },
  )
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof ZtmError && error.status === 401
}

/** @returns undefined where it is of no use to try again, else how long to wait before that, ms */
function waitBefore(
  error: ZtmError,
  { attempt, mayRepeat, random }: { attempt: number; mayRepeat: boolean; random: () => number },
): number | undefined {
  const isBusy = error.status === 429 || error.status === 503
  if (attempt >= (isBusy ? MAX_BUSY_ATTEMPTS : MAX_ATTEMPTS)) return undefined
  const isAway = error.code === 'unreachable'
  const isDoubtful = error.code === 'link-closed' || (error.status ?? 0) >= 500
  if (!isBusy && !isAway && !(isDoubtful && mayRepeat)) return undefined
  const told = RETRY_AFTER.get(error)
  if (told !== undefined && told > LONGEST_RETRY_MS) return undefined
  return (told ?? FIRST_RETRY_MS * 4 ** (attempt - 1)) * (1 + random() / 4)
}

function sessionHeader({ token }: EdgeLogin): Record<string, string> {
  return { 'zt-session': token }
}

/** Resolves after a while, or rejects when one of the signals fires. */
function delay(waitMs: number, signals: readonly AbortSignal[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, waitMs)
  return untilAborted(promise, AbortSignal.any([...signals])).finally(() => clearTimeout(timer))
}

/** As `promise`, but gives up waiting when the signal fires. @throws ZtmError `timeout` */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () =>
    reject(toZtmError(new MeshError('timed-out', 'Cannot wait longer: given up', { cause: signal.reason })))
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Entities of a list that are asked for at once, and in all. */
const PAGE_COUNT = 500
const MAX_LISTED = 100_000
/** How often a request is sent that fails for reasons that pass. */
const MAX_ATTEMPTS = 3
/** The same where the controller is busy: it said so itself. */
const MAX_BUSY_ATTEMPTS = 5
const FIRST_RETRY_MS = 200
/** Where the controller asks for more patience, the error is told instead. */
const LONGEST_RETRY_MS = 30_000
const LOGOUT_TIMEOUT_MS = 3_000
const DEFAULT_SESSION_SECONDS = 1_800
const LONGEST_KEEP_MS = 3_600_000
