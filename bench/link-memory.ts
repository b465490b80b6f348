// `node bench/link-memory.ts [--links N] [--heap] [--top 20]`
// What an idle link costs a hub: memory for each of many agents that are online and silent; with `--heap`, which kinds of things its heap has more of.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { ClientHttp2Session } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { joinMesh } from '../src/agent/join.ts'
import { EVENTS_PATH } from '../src/core/api/hub-api.ts'
import { parseAddress } from '../src/core/model/address.ts'
import { parseName } from '../src/core/model/names.ts'
import { ms } from '../src/core/model/time.ts'
import { connectTcp } from '../src/net/host-sockets.ts'
import { openHttp2 } from '../src/net/http2-client.ts'
import { tlsIdentity } from '../src/pki/check.ts'
import { createKeyPair } from '../src/pki/key-pair.ts'
import { createProcessMesh } from '../src/testing/process-mesh.ts'
import { printSizes, snapshotFlags, takeSizes } from './heap-snapshot.ts'
import { cpuSeconds, residentMib } from './processes.ts'

const { values: typed } = parseArgs({
  options: {
    links: { type: 'string', default: '1000' },
    heap: { type: 'boolean', default: false },
    top: { type: 'string', default: '20' },
  },
})
const count = Number(typed.links)
/** The hub tidies up when it has little to do. */
const SETTLE_MS = 12_000
const clock = { now: () => ms(Date.now()) }

const folder = await mkdtemp(join(tmpdir(), 'ztm-heap-'))
await using mesh = await createProcessMesh({ nodeFlags: () => (typed.heap ? snapshotFlags(folder) : []) })
const hub = await mesh.startHub({ args: ['--workers', '0'] })
const permit = await readFile(mesh.permit, 'utf8')
const pid = hub.child.pid ?? 0
const members = []
const sessions: ClientHttp2Session[] = []
for (let i = 0; i < count; i += 1) members.push(await enrol(`link-${i}`))
// A hundred first, so that code and heap have their size.
for (const member of members.slice(0, 100)) await openLink(member)
await delay(SETTLE_MS)
const heap = typed.heap ? await takeSizes(pid, folder) : undefined
const before = { mebibytes: residentMib(pid), cpu: cpuSeconds(pid) }
for (const member of members.slice(100)) await openLink(member)
const cpu = cpuSeconds(pid) - before.cpu
await delay(SETTLE_MS)
const kibibytes = (residentMib(pid) - before.mebibytes) * 1_024
const links = count - 100
const alive = sessions.filter(session => !session.closed && !session.destroyed).length
if (alive < count) throw new Error(`${count - alive} of ${count} links ended meanwhile`)
console.log(
  `${links} links: ${(kibibytes / links).toFixed(1)} KiB and ${((cpu / links) * 1_000).toFixed(2)} ms of processor time each`,
)
if (heap !== undefined)
  printSizes('hub', {
    before: heap,
    after: await takeSizes(pid, folder),
    count: links,
    top: Number(typed.top),
  })
await rm(folder, { recursive: true })
for (const session of sessions) session.destroy()

async function enrol(name: string) {
  const key = await createKeyPair()
  const record = await joinMesh({
    mesh: parseName('home'),
    endpoint: parseName(name),
    permit,
    isReplacing: false,
    deviceKey: key,
    version: 'bench',
    clock,
  })
  return { key, record }
}

async function openLink({ key, record }: Awaited<ReturnType<typeof enrol>>): Promise<void> {
  const socket = await connectTcp({ kind: 'address', ...parseAddress(hub.address) }, { timeoutMs: 5_000 })
  const { session } = await openHttp2(socket, {
    identity: { chainPem: record.chain, privateKeyPem: key.privateKeyPem },
    rootPem: record.ca,
    identify: shown => {
      const found = tlsIdentity(shown, { rootPem: record.ca, now: clock.now() })
      if (found === undefined) throw new Error('the hub shows nothing')
      return found
    },
    timeoutMs: 5_000,
  })
  sessions.push(session)
  const events = session.request({ ':method': 'GET', ':path': EVENTS_PATH })
  await new Promise(resolve => events.once('data', resolve))
}
