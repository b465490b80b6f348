import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { GatewayConfig } from '../core/gateway/gateway-config.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Clock } from '../core/model/time.ts'
import { type AcmeChallenge, createAcmeAccountKey, orderCertificate } from '../net/acme-authority.ts'
import { type AlpnChallenges, readPublicCertificate } from '../net/public-certificate.ts'
import type { SecretFolder } from '../pki/secret-folder.ts'
import type { CertificateStore } from './certificate-store.ts'

/** Orders certificates by ACME, keeps them, and renews them in time. */
export interface AcmeKeeper extends Disposable {
  /** Keep the certificates that a configuration wants. @returns their ids in the store */
  use(config: GatewayConfig): string[]
  /** The answer to an http-01 challenge. */
  answer(token: string): string | undefined
}

/** What it is made of. */
export interface AcmeKeeperOptions {
  readonly secrets: SecretFolder
  readonly store: CertificateStore
  readonly challenges: AlpnChallenges
  readonly clock: Clock
  readonly log: Log
  /** How often it is looked whether a certificate is due, ms; default 5,000. */
  readonly lookMs?: number
}

interface Wanted {
  readonly id: string
  readonly hosts: readonly string[]
  nextTryAtMs: number
  failureCount: number
}

/** Make one; it does nothing before `use`. */
export function createAcmeKeeper(options: AcmeKeeperOptions): AcmeKeeper {
  return new Keeper(options)
}

class Keeper implements AcmeKeeper {
  readonly #options: AcmeKeeperOptions
  readonly #answers = new Map<string, string>()
  #wanted: readonly Wanted[] = []
  #acme: GatewayConfig['acme']
  #isBusy = false
  #isOver = false
  readonly #timer: NodeJS.Timeout

  constructor(options: AcmeKeeperOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.#work(), options.lookMs ?? LOOK_MS)
  }

  use(config: GatewayConfig): string[] {
    this.#acme = config.acme
    const before = new Map(this.#wanted.map(one => [one.id, one]))
    this.#wanted = config.certificates.flatMap(one => {
      if (!('acme' in one)) return []
      const id = `acme-${createHash('sha256')
        .update(JSON.stringify([config.acme?.directory, one.acme]))
        .digest('hex')
        .slice(0, 24)}`
      return [before.get(id) ?? { id, hosts: one.acme, nextTryAtMs: 0, failureCount: 0 }]
    })
    void this.#work()
    return this.#wanted.map(({ id }) => id)
  }

  answer(token: string): string | undefined {
    return this.#answers.get(token)
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    clearInterval(this.#timer)
  }

  /** One after another: authorities limit how many orders are open. */
  async #work(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      for (const wanted of this.#wanted) {
        if (this.#isOver) return
        await this.#load(wanted)
        if (this.#isDue(wanted)) await this.#order(wanted)
      }
    } finally {
      this.#isBusy = false
    }
  }

  async #load({ id }: Wanted): Promise<void> {
    const { store, secrets, log } = this.#options
    if (store.get(id) !== undefined) return
    try {
      const text = await secrets.readSecret(`${id}.pem`)
      const end = text?.indexOf(KEY_MARK) ?? -1
      if (text !== undefined && end !== -1)
        store.set(id, readPublicCertificate(text.slice(0, end), text.slice(end)))
    } catch (thrown) {
      log.warn('acme.unreadable', { file: `${id}.pem`, reason: toMeshError(thrown).message })
    }
  }

  #isDue({ id, nextTryAtMs }: Wanted): boolean {
    const { store, clock } = this.#options
    const nowMs = clock.now()
    if (nowMs < nextTryAtMs) return false
    const certificate = store.get(id)
    if (certificate === undefined) return true
    const { notBeforeMs, expiresAtMs } = certificate
    return nowMs >= notBeforeMs + ((expiresAtMs - notBeforeMs) * 2) / 3
  }

  async #order(wanted: Wanted): Promise<void> {
    const { store, secrets, clock, log } = this.#options
    const { id, hosts } = wanted
    const acme = this.#acme
    if (acme === undefined) return
    log.info('acme.ordering', { hosts, directory: acme.directory })
    try {
      const rootPem = acme.caFile === undefined ? undefined : await readFile(acme.caFile, 'utf8')
      const accountKeyPem = await this.#accountKey(acme.directory)
      const { directory, email } = acme
      const { chainPem, keyPem } = await orderCertificate(
        { directory, accountKeyPem, email, rootPem },
        {
          hosts,
          challenges: acme.challenges,
          prepare: challenge => this.#prepare(challenge),
          cleanUp: challenge => this.#cleanUp(challenge),
        },
      )
      const certificate = readPublicCertificate(chainPem, keyPem)
      await secrets.writeSecret(`${id}.pem`, `${chainPem.trim()}\n${keyPem}`)
      if (this.#wanted.includes(wanted)) store.set(id, certificate)
      wanted.failureCount = 0
      wanted.nextTryAtMs = 0
      log.info('acme.issued', { hosts, expiresAtMs: certificate.expiresAtMs })
    } catch (thrown) {
      wanted.failureCount += 1
      const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (wanted.failureCount - 1), MAX_DELAY_MS)
      wanted.nextTryAtMs = clock.now() + delayMs
      log.warn('acme.failed', { hosts, reason: toMeshError(thrown).message, delayMs })
    }
  }

  async #accountKey(directory: string): Promise<string> {
    const { secrets } = this.#options
    const name = `acme-account-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}.key`
    const kept = await secrets.readSecret(name)
    if (kept !== undefined) return kept
    const key = await createAcmeAccountKey()
    await secrets.writeSecret(name, key)
    return key
  }

  #prepare(challenge: AcmeChallenge): void {
    if (challenge.kind === 'http-01') this.#answers.set(challenge.token, challenge.answer)
    else this.#options.challenges.set(challenge.host, challenge.certificatePem, challenge.keyPem)
  }

  #cleanUp(challenge: AcmeChallenge): void {
    if (challenge.kind === 'http-01') this.#answers.delete(challenge.token)
    else this.#options.challenges.remove(challenge.host)
  }
}

const LOOK_MS = 5_000
/** After a failure; doubled with each further one. */
const FIRST_DELAY_MS = 30_000
const MAX_DELAY_MS = 6 * 3_600_000
/** Where the key begins in a kept file. */
const KEY_MARK = '-----BEGIN PRIVATE KEY-----'
