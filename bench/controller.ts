// `node bench/controller.ts [--identities N] [--services N] [--policies N] [--seconds N]`: how fast a controller answers the Edge client API, without
// a network: logins by API key, listings of services and new sessions, one after the other, so that each time is that of one request. The store is a real
// file; every request is made, parsed and answered in full.
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { hashApiKey } from '../src/controller/edge/api-key.ts'
import type { Json, Store } from '../src/core/model/store.ts'
import { openSqliteStore } from '../src/store/sqlite-store.ts'
import { openControllerRig, STRANGER } from '../src/testing/controller-rig.ts'

const { values: typed } = parseArgs({
  options: {
    identities: { type: 'string', default: '10000' },
    services: { type: 'string', default: '1000' },
    policies: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '3' },
  },
})
const seconds = Number(typed.seconds)
const folder = await mkdtemp(join(tmpdir(), 'ztm-bench-controller-'))
const store = await openSqliteStore(join(folder, 'bench.db'))
const keys = await furnish(store, {
  identities: Number(typed.identities),
  services: Number(typed.services),
  policies: Number(typed.policies),
})
const rig = await openControllerRig({ store })
console.log(
  `${keys.length} identities, ${typed.services} services, ${typed.policies} policies; load ${loadavg()[0]?.toFixed(1)}`,
)

const tokens: string[] = []
const dialled: { readonly token: string; readonly serviceId: string }[] = []
await measure('log in by API key', async index => {
  const { data } = await ask(
    'POST',
    '/authenticate?method=api-key',
    {},
    { authorization: `Bearer ${keys[index % keys.length]}` },
  )
  tokens.push((data as { token: string }).token)
})
await measure('list the services, 100 a page', async index => {
  const token = tokens[index % tokens.length] ?? ''
  const { data } = await ask('GET', '/services?limit=100', undefined, { 'zt-session': token })
  const services = data as { id: string; permissions: string[] }[]
  for (const { id, permissions } of services.slice(0, 5)) {
    if (permissions.includes('Dial') && dialled.length < 20_000) dialled.push({ token, serviceId: id })
  }
})
await measure('new session to dial, with its ticket', async index => {
  const { token, serviceId } = dialled[index % dialled.length] ?? { token: '', serviceId: '' }
  await ask('POST', '/sessions', { serviceId }, { 'zt-session': token })
})
await measure('service-updates', async index => {
  await ask('GET', '/current-api-session/service-updates', undefined, {
    'zt-session': tokens[index % tokens.length] ?? '',
  })
})
await rig[Symbol.asyncDispose]()
await rm(folder, { recursive: true })

/** One after the other, for some seconds: what one request takes while nobody else asks. */
async function measure(what: string, once: (index: number) => Promise<void>): Promise<void> {
  const times: number[] = []
  const end = performance.now() + seconds * 1_000
  for (let index = 0; performance.now() < end; index += 1) {
    const start = performance.now()
    await once(index)
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  const at = (share: number) => (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(2)
  const rate = Math.round(times.length / seconds)
  console.log(`${what}: ${rate}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`)
}

async function ask(method: string, path: string, body: unknown, headers: Record<string, string>) {
  const request = new Request(`https://mesh/edge/client/v1${path}`, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const { response } = await rig.controller.edge(request, STRANGER)
  const answer = (await response.json()) as { data: unknown; error?: unknown }
  if (response.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
  return answer
}

/** Write everything to the store as a controller would have. @returns the API keys of the identities */
async function furnish(
  to: Store,
  counts: { readonly identities: number; readonly services: number; readonly policies: number },
): Promise<string[]> {
  const base = () => ({ version: 1, id: randomUUID() as string, createdAtMs: 1, updatedAtMs: 1, tags: {} })
  const writes: Promise<unknown>[] = []
  const put = (prefix: string, record: { id: string } & Record<string, Json>) =>
    writes.push(to.put(`${prefix}/${record.id}`, record))
  const keys: string[] = []
  for (let index = 0; index < counts.identities; index += 1) {
    const identity = base()
    put('edge-identity', {
      ...identity,
      name: `identity-${index}`,
      typeId: 'Device',
      isAdmin: false,
      roleAttributes: [`team-${index % 100}`, `site-${index % 37}`],
      authPolicyId: 'default',
      defaultHostingCost: 0,
      defaultHostingPrecedence: 'default',
      serviceHostingCosts: {},
      serviceHostingPrecedences: {},
      serviceConfigs: [],
      appData: {},
    })
    const key = `ztm-${randomBytes(32).toString('base64url')}`
    keys.push(key)
    put('edge-authenticator', {
      ...base(),
      identityId: identity.id,
      method: 'api-key',
      prefix: key.slice(0, 8),
      keyHash: hashApiKey(key),
    })
  }
  for (let index = 0; index < counts.services; index += 1) {
    put('edge-service', {
      ...base(),
      name: `service-${index}`,
      encryptionRequired: true,
      configs: [],
      roleAttributes: [`group-${index % 50}`],
      terminatorStrategy: 'smartrouting',
      maxIdleTimeMillis: 0,
    })
  }
  for (let index = 0; index < counts.policies; index += 1) {
    put('edge-service-policy', {
      ...base(),
      name: `policy-${index}`,
      type: index % 4 === 3 ? 'Bind' : 'Dial',
      semantic: 'AnyOf',
      identityRoles: [`#team-${index % 100}`],
      serviceRoles: [`#group-${index % 50}`, `#group-${(index * 7) % 50}`],
      postureCheckRoles: [],
    })
  }
  await Promise.all(writes)
  return keys
}
