import { parseAddress } from '../core/model/address.ts'
import type { HubId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { Clock } from '../core/model/time.ts'
import type { TlsIdentity } from '../net/tls-options.ts'
import type { Authority } from '../pki/authority.ts'
import { createKeyPair } from '../pki/key-pair.ts'

/** What a hub's own certificate is made from. */
export interface HubIdentityOptions {
  readonly authority: Authority
  readonly id: HubId
  readonly names: readonly string[]
  readonly clock: Clock
  readonly log: Log
  /** Default 7 days. */
  readonly validMs?: number
}

/** A hub's certificate, renewed at two thirds of its life. Its key is made anew at each start and never stored. */
export interface HubIdentity extends AsyncDisposable {
  readonly current: TlsIdentity
  readonly expiresAtMs: number
  onRenewed(listener: (identity: TlsIdentity) => void): void
}

/** Make a hub's certificate and keep it fresh. */
export async function openHubIdentity(options: HubIdentityOptions): Promise<HubIdentity> {
  const { authority, clock, log, validMs = 7 * 86_400_000 } = options
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const hosts = options.names.map(name => parseAddress(name).host)
  const listeners: ((identity: TlsIdentity) => void)[] = []
  const issue = async () => {
    const identity = { kind: 'hub', mesh: authority.mesh, hub: options.id } as const
    return authority.issue({ identity, publicKeyPem, validMs, hosts }, clock.now())
  }
  const wrap = (chainPem: string): TlsIdentity => ({
    chainPem,
    privateKeyPem,
    rootPem: authority.rootCertificatePem,
  })
  let { chainPem, expiresAtMs } = await issue()
  let current = wrap(chainPem)
  let timer = setTimeout(renew, (validMs * 2) / 3)

  async function renew(): Promise<void> {
    try {
      ;({ chainPem, expiresAtMs } = await issue())
      current = wrap(chainPem)
      for (const listener of listeners) listener(current)
      log.info('certificate.renewed', { expiresAt: new Date(expiresAtMs).toISOString() })
      timer = setTimeout(renew, (validMs * 2) / 3)
    } catch (error) {
      log.error('certificate.not-renewed', { reason: error instanceof Error ? error.message : String(error) })
      timer = setTimeout(renew, RETRY_MS)
    }
  }

  return {
    get current() {
      return current
    },
    get expiresAtMs() {
      return expiresAtMs
    },
    onRenewed: listener => listeners.push(listener),
    async [Symbol.asyncDispose]() {
      clearTimeout(timer)
    },
  }
}

const RETRY_MS = 60_000
