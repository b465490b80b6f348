import packageJson from '../../package.json' with { type: 'json' }
import type { Membership } from '../agent/membership.ts'
import { startMembership } from '../agent/membership.ts'
import type { MeshRecord } from '../agent/mesh-record.ts'
import type { Reach } from '../agent/reach.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Clock } from '../core/model/time.ts'
import type { KeyPair } from '../pki/key-pair.ts'
import { createMemoryStore } from '../store/memory-store.ts'
import type { App, Host } from './app.ts'

/** What a login made of this program: a member of the mesh. */
export interface Admission {
  readonly record: MeshRecord
  readonly key: KeyPair
}

/** This program's life as one member of the mesh: the client half of an agent, with one app that hands out its host. */
export interface InnerMesh extends AsyncDisposable {
  readonly host: Host
  readonly membership: Membership
}

/** What a member needs of the program. */
export interface InnerMeshParts {
  readonly reach: Reach
  readonly clock: Clock
  readonly log: Log
  readonly onChange: () => void
}

/** Go to work as a member. Does not wait for a hub. */
export async function openInnerMesh(
  { record, key }: Admission,
  { reach, clock, log, onChange }: InnerMeshParts,
): Promise<InnerMesh> {
  const hosts: Host[] = []
  const app: App = {
    name: 'ztm/sdk',
    api: {},
    async start(host) {
      hosts.push(host)
      return { handlers: {}, async [Symbol.asyncDispose]() {} }
    },
  }
  const store = createMemoryStore()
  const membership = await startMembership({
    record,
    deviceKey: key,
    apps: [app],
    store,
    version: `sdk ${packageJson.version}`,
    clock,
    random: Math.random,
    log,
    readLog: async () => [],
    onChange,
    reach,
  })
  const [host] = hosts
  if (host === undefined) throw new MeshError('bug', 'Cannot open mesh: its app did not start')
  return {
    host,
    membership,
    async [Symbol.asyncDispose]() {
      await membership[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}
