import assert from 'node:assert/strict'
import type { ChildProcess, Serializable } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNatLab, HUB_ADDRESSES, type Site } from '../testing/nat-lab.ts'
import { NAT_KINDS, type NatKind } from '../testing/nat-lab-rules.ts'
import { canHaveNetLab, type NetHost } from '../testing/net-lab.ts'
import type { EdgeOffer, EdgeOrder, EdgeReport } from '../testing/udp-edge-process.ts'

const PROGRAM = join(import.meta.dirname, '../testing/udp-edge-process.ts')
type Kind = NatKind | 'none'
const KINDS: readonly Kind[] = ['none', ...NAT_KINDS]

/** Pairs that no hole can be punched for: both hide their ports, or no UDP passes. */
function canMeet(one: Kind, other: Kind): boolean {
  if (one === 'udp-blocked' || other === 'udp-blocked') return false
  return one !== 'symmetric' || other !== 'symmetric'
}

function start(host: NetHost, ...args: string[]): ChildProcess {
  return host.spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

async function next<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message')
  return message as T
}

interface Started {
  readonly kind: Kind
  readonly child: ChildProcess
  readonly offer: EdgeOffer
}

async function startEdge(kind: Kind, host: NetHost, hub: ChildProcess): Promise<Started> {
  hub.send(randomUUID())
  const [echo] = (await once(hub, 'message')) as [Serializable]
  const child = start(host, 'edge', HUB_ADDRESSES[0])
  child.send(echo)
  return { kind, child, offer: await next<EdgeOffer>(child) }
}

async function meet(dialler: Started, accepter: Started): Promise<EdgeReport> {
  const ticket = randomBytes(32).toString('base64url')
  const report = next<EdgeReport>(dialler.child)
  const other = next<EdgeReport>(accepter.child)
  const order = (side: EdgeOrder['side'], { offer }: Started): EdgeOrder => ({
    ticket,
    side,
    candidates: offer.candidates,
    peerNat: offer.nat,
  })
  accepter.child.send(order('accept', dialler))
  dialler.child.send(order('dial', accepter))
  const [said] = await Promise.all([report, other])
  return said
}

test('edges behind real NATs of every kind tell their kind, and meet where a hole can be punched', {
  timeout: 240_000,
}, async t => {
  if (!canHaveNetLab(t)) return
  const sites = (side: string) =>
    KINDS.map((kind): [string, Site] => [
      `${side}-${kind}`,
      { ...(kind !== 'none' && { nats: [kind] }), hosts: [`${side}-${kind}`] },
    ])
  await using lab = await createNatLab(Object.fromEntries([...sites('d'), ...sites('a')]))
  const hub = start(lab.hub, 'hub')
  await next(hub)
  const startAll = async (side: string) => {
    const started: Started[] = []
    for (const kind of KINDS) started.push(await startEdge(kind, lab.host(`${side}-${kind}`), hub))
    return started
  }
  const [diallers, accepters] = [await startAll('d'), await startAll('a')]
  const told = diallers.map(({ kind, offer }) => [kind, offer.nat])
  assert.deepEqual(Object.fromEntries(told), {
    none: 'none',
    'full-cone': 'endpoint-independent',
    'address-restricted': 'endpoint-independent',
    'port-restricted': 'endpoint-independent',
    symmetric: 'symmetric',
    'udp-blocked': 'blocked',
  })
  const wrong: string[] = []
  for (const dialler of diallers) {
    for (const accepter of accepters) {
      const said = await meet(dialler, accepter)
      const hasMet = 'tookMs' in said
      const words = `${dialler.kind} to ${accepter.kind}: ${hasMet ? `${said.tookMs} ms` : said.error}`
      t.diagnostic(words)
      if (hasMet !== canMeet(dialler.kind, accepter.kind)) wrong.push(words)
    }
  }
  assert.deepEqual(wrong, [])
})
