import { execFile } from 'node:child_process'
import type { Ms } from '../core/model/time.ts'
import { invalidConfig, ZtmError } from './ztm-error.ts'

/** A program that prints a JWT whenever it is run. */
export interface TokenSource extends Disposable {
  /** What is run, without its arguments, which may be secret. */
  readonly program: string
  /**
   * Run it, but no more than once in `MIN_RUN_INTERVAL_MS`: between them the token at hand is given, as it is when the
   * program fails while that is good.
   *
   * @throws ZtmError `auth-failed`
   */
  fresh(): Promise<string>
  /** The token at hand, while it is good for a minute more; else a fresh one. @throws as `fresh` */
  atHand(): Promise<string>
  /** From now on, have a new one a minute before that at hand ends. @param onError  told when that failed */
  keepFresh(onError: (error: ZtmError) => void): void
}

/** Make a source of a command. @throws ZtmError `invalid-config` for one that is empty */
export function createTokenSource(options: {
  readonly command: string
  readonly now: () => Ms
}): TokenSource {
  const [program, ...args] = options.command.trim().split(/\s+/)
  if (program === undefined || program === '') {
    throw invalidConfig('credentials.tokenCommand', 'is empty', 'give a program and its arguments')
  }
  const { now } = options
  let token = ''
  let expiresAtMs = 0
  let ranAtMs = Number.NEGATIVE_INFINITY
  let running: Promise<string> | undefined
  let timer: NodeJS.Timeout | undefined
  let onError: ((error: ZtmError) => void) | undefined

  async function runOnce(): Promise<string> {
    ranAtMs = now()
    try {
      const printed = await run(program as string, args)
      expiresAtMs = expiryOf(printed)
      token = printed
      return token
    } catch (error) {
      if (expiresAtMs > now()) return token
      throw error
    }
  }

  function fresh(): Promise<string> {
    const sinceMs = now() - ranAtMs
    const isRecent = sinceMs >= 0 && sinceMs < MIN_RUN_INTERVAL_MS
    if (isRecent && expiresAtMs > now()) return Promise.resolve(token)
    running ??= runOnce().finally(() => {
      running = undefined
      schedule()
    })
    return running
  }

  function schedule(): void {
    clearTimeout(timer)
    if (onError === undefined) return
    const waitMs = Math.max(expiresAtMs - RENEW_AHEAD_MS - now(), MIN_RUN_INTERVAL_MS)
    timer = setTimeout(
      () => {
        if (expiresAtMs - RENEW_AHEAD_MS > now()) return schedule()
        fresh().catch(error => onError?.(error as ZtmError))
      },
      Math.min(waitMs, LONGEST_TIMER_MS),
    ).unref()
  }

  return {
    program,
    fresh,
    atHand: async () => (expiresAtMs - RENEW_AHEAD_MS > now() ? token : fresh()),
    keepFresh(tell) {
      onError = tell
      if (expiresAtMs > 0) schedule()
    },
    [Symbol.dispose]() {
      onError = undefined
      clearTimeout(timer)
    },
  }
}

function run(program: string, args: readonly string[]): Promise<string> {
  const limits = { timeout: RUN_TIMEOUT_MS, maxBuffer: MAX_TOKEN_BYTES, windowsHide: true } as const
  return new Promise((resolve, reject) => {
    execFile(program, [...args], { ...limits, encoding: 'utf8' }, (error, stdout) => {
      if (error === null) return resolve(stdout.trim())
      // Not what it printed, nor its arguments, which the error's text repeats: both may hold secrets.
      const { code, killed } = error as { code?: unknown; killed?: boolean }
      reject(failed(program, killed === true ? `took over ${RUN_TIMEOUT_MS} ms` : `failed (${String(code)})`))
    })
  })
}

/** @returns ms since the epoch @throws ZtmError `auth-failed` unless it is a JWT with `exp` */
function expiryOf(token: string): number {
  const [, payload, signature] = token.split('.')
  try {
    const { exp } = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString('utf8')) as { exp?: unknown }
    if (signature !== undefined && typeof exp === 'number' && Number.isFinite(exp)) return exp * 1_000
  } catch {
    // Told below.
  }
  throw failed('token command', 'printed no JWT with an end (exp)')
}

function failed(program: string, state: string): ZtmError {
  const message = `Cannot log in: ${program} ${state}: run it by hand to see why`
  return new ZtmError('auth-failed', { code: 'not-logged-in', message })
}

/** A new token is wanted this long before the one at hand ends. */
const RENEW_AHEAD_MS = 60_000
/** A command is not run more often. */
const MIN_RUN_INTERVAL_MS = 10_000
/** A command that runs longer is ended. */
const RUN_TIMEOUT_MS = 30_000
/** The longest output that is read. */
const MAX_TOKEN_BYTES = 65_536
const LONGEST_TIMER_MS = 3_600_000
