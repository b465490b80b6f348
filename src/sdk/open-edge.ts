import { arch, hostname, platform, release } from 'node:os'
import packageJson from '../../package.json' with { type: 'json' }
import { fetchRoot } from '../agent/join.ts'
import { DEFAULT_REACH, openReach } from '../agent/reach.ts'
import { formatAddress, parseAddress } from '../core/model/address.ts'
import { type Clock, ms } from '../core/model/time.ts'
import { openHttpsPool, type ServerTrust } from '../net/https-pool.ts'
import { meshIdOf } from '../pki/check.ts'
import { createMemoryStore } from '../store/memory-store.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { type Billing, NO_BILLING } from './billing/billing.ts'
import { createBilling } from './billing/create-billing.ts'
import type { ContextConfig } from './context-options.ts'
import type { ContextHooks, ContextParts } from './context-run.ts'
import { createEdgeAdmission } from './edge-admission.ts'
import { createEdgeClient } from './edge-client.ts'
import { createMeshLife } from './mesh-life.ts'
import { toZtmError } from './ztm-error.ts'

/** Put together what a context needs: the way to its controller, to Commerce, and into the mesh. Nothing is opened yet. */
export function openEdge(config: ContextConfig, hooks: ContextHooks): ContextParts {
  const { credential, controllerUrl, requestTimeoutMs, connectTimeoutMs, log, paths } = config
  const clock: Clock = { now: () => ms(Date.now()) }
  let rootPem: string | undefined
  const edge = createEdgeClient({
    credential,
    async openPool() {
      const trust = await readTrust(config)
      if (trust.kind === 'hub') rootPem = trust.rootPem
      return openHttpsPool({
        origin: controllerUrl,
        trust,
        connectTimeoutMs,
        ...(credential.identity && { identity: credential.identity }),
      })
    },
    requestTimeoutMs,
    random: Math.random,
    sdkInfo: { type: 'ztm', version: packageJson.version },
    envInfo: { arch: arch(), os: platform(), osRelease: release(), hostname: hostname() },
    onLogin: ({ identityId, identityName, sessionId }) => {
      hooks.emit('authenticated', { identityId, identityName, sessionId })
      credential.source?.keepFresh(error => hooks.emit('auth-failed', { error }))
    },
  })
  const admission = createEdgeAdmission({ edge, rootPem: () => rootPem, controllerUrl, clock })
  const life = createMeshLife({
    ...admission,
    openReach: () => openReach({ ...DEFAULT_REACH, paths }, log),
    clock,
    log,
    onChange: hooks.onChange,
    onMember: hooks.onMember,
    onFailure: error => {
      if (error.reason === 'auth-failed') hooks.emit('auth-failed', { error })
      log.warn('login.failed', { code: error.code, reason: error.message })
    },
  })
  const billing = lazyBilling(config)
  return {
    edge,
    life,
    billing: billing.open,
    async [Symbol.asyncDispose]() {
      credential.source?.[Symbol.dispose]()
      await billing.close()
      await edge[Symbol.asyncDispose]()
    },
  }
}

/** A mesh id is proof enough for the root that a hub gives; a root in PEM makes its hubs known by their role. */
async function readTrust({ trust, controllerUrl }: ContextConfig): Promise<ServerTrust> {
  switch (trust.kind) {
    case 'system':
      return { kind: 'system' }
    case 'ca':
      try {
        return { kind: 'hub', rootPem: trust.pem, mesh: meshIdOf(trust.pem) }
      } catch {
        return { kind: 'authority', caPem: trust.pem }
      }
    case 'mesh': {
      const { hostname: host, port } = new URL(controllerUrl)
      const address = formatAddress(parseAddress(`${host}:${port || 443}`))
      return { kind: 'hub', mesh: trust.mesh, rootPem: await fetchRoot(address, trust.mesh) }
    }
  }
}

function lazyBilling({ billing, credential, log }: ContextConfig) {
  let opening: Promise<Billing> | undefined
  const stack = new AsyncDisposableStack()
  async function open(): Promise<Billing> {
    if (billing === undefined) return NO_BILLING
    const { commerceUrl, usageFile } = billing
    const spool = stack.use(usageFile === undefined ? createMemoryStore() : await openSqliteStore(usageFile))
    return stack.use(await createBilling({ commerceUrl, token: () => credential.token(), spool, log }))
  }
  return {
    open(): Promise<Billing> {
      opening ??= open().catch(error => {
        opening = undefined
        throw toZtmError(error)
      })
      return opening
    },
    async close(): Promise<void> {
      await opening?.catch(() => {})
      await stack.disposeAsync()
    },
  }
}
