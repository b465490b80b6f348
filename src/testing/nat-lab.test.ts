import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createNatLab, HUB_ADDRESS_V6, HUB_ADDRESSES, type NatLab, type Site } from './nat-lab.ts'
import type { NatMeasurement } from './nat-lab-reflector.ts'
import { canHaveNetLab, createNetLab, type NetHost } from './net-lab.ts'
import { execute } from './programs.ts'

// The lab itself: is each router of the kind it says, as seen from two public addresses with two ports each?

const REFLECTOR = join(import.meta.dirname, 'nat-lab-reflector.ts')

test('every kind of NAT maps and filters as its name says', async t => {
  await using lab = await build(t, {
    a: { nats: ['full-cone'], hosts: ['full-cone'] },
    b: { nats: ['address-restricted'], hosts: ['address-restricted'] },
    c: { nats: ['port-restricted'], hosts: ['port-restricted'] },
    d: { nats: ['symmetric'], hosts: ['symmetric'] },
    e: { nats: ['udp-blocked'], hosts: ['udp-blocked'] },
    f: { hosts: ['none'] },
  })
  if (lab === undefined) return
  assert.deepEqual(await measure(lab), {
    'full-cone': { mapping: 'EIM', filtering: 'EIF', isHairpinned: true },
    'address-restricted': { mapping: 'EIM', filtering: 'ADF', isHairpinned: false },
    'port-restricted': { mapping: 'EIM', filtering: 'APDF', isHairpinned: false },
    symmetric: { mapping: 'EDM', filtering: 'APDF', isHairpinned: false },
    'udp-blocked': 'blocked',
    none: { mapping: 'EIM', filtering: 'EIF', isHairpinned: true },
  })
})

test('two layers of NAT are as strict as the stricter, and both ends of a shared one see each other', async t => {
  await using lab = await build(t, {
    a: { nats: ['full-cone', 'port-restricted'], hosts: ['twice', 'neighbour'] },
    b: { nats: ['symmetric', 'full-cone'], hosts: ['inner-cone'] },
  })
  if (lab === undefined) return
  assert.deepEqual(await measure(lab), {
    twice: { mapping: 'EIM', filtering: 'APDF', isHairpinned: false },
    neighbour: { mapping: 'EIM', filtering: 'APDF', isHairpinned: false },
    'inner-cone': { mapping: 'EDM', filtering: 'APDF', isHairpinned: false },
  })
  await ping(lab.host('twice'), '10.1.2.11')
})

test('IPv6 is there for those who have it, and not translated', async t => {
  await using lab = await build(t, {
    both: { nats: ['symmetric', 'full-cone'], hosts: ['both'], ip: 'both' },
    new: { hosts: ['new'], ip: 'v6' },
    old: { hosts: ['old'] },
  })
  if (lab === undefined) return
  await ping(lab.host('both'), HUB_ADDRESS_V6)
  await ping(lab.host('both'), HUB_ADDRESSES[0])
  await ping(lab.host('both'), '2001:db8:2::2')
  await ping(lab.host('new'), HUB_ADDRESS_V6)
  await assert.rejects(ping(lab.host('new'), HUB_ADDRESSES[0]))
  await assert.rejects(ping(lab.host('old'), HUB_ADDRESS_V6))
})

test('a disposed lab leaves no namespace and no process, one of a killed process is removed by the next', async t => {
  if (!canHaveNetLab(t)) return
  const dead = await deadPid()
  await execute('ip', ['netns', 'add', `ztm-lab-${dead}-1-left`])
  const lab = await createNetLab()
  const host = await lab.addHost('alone')
  const sleeper = host.spawn('sleep', ['1000'])
  await once(sleeper, 'spawn')
  await lab[Symbol.asyncDispose]()
  assert.equal(sleeper.signalCode, 'SIGKILL')
  const { stdout } = await execute('ip', ['netns', 'list'])
  assert.deepEqual(
    stdout.split('\n').filter(line => line.includes(`-${dead}-`) || line.includes(host.namespace)),
    [],
  )
})

async function build(
  t: TestContext,
  sites: Readonly<Record<string, Site>>,
): Promise<(NatLab & AsyncDisposable) | undefined> {
  return canHaveNetLab(t) ? createNatLab(sites) : undefined
}

/** What a probe on each computer of a site finds out. */
async function measure(lab: NatLab): Promise<Record<string, NatMeasurement>> {
  const server = lab.hub.spawn(process.execPath, [REFLECTOR, 'serve', ...HUB_ADDRESSES])
  const [text] = await once(server.stdout as NonNullable<typeof server.stdout>, 'data')
  const clients = lab.hosts.filter(({ name }) => !/^(?:internet|hub)$|-nat\d$/.test(name))
  const measured = await Promise.all(
    clients.map(async host => {
      const printed = await host.run(process.execPath, [REFLECTOR, 'probe', String(text).trim()])
      return [host.name, JSON.parse(printed) as NatMeasurement] as const
    }),
  )
  return Object.fromEntries(measured)
}

async function ping(host: NetHost, address: string): Promise<void> {
  await host.run('ping', ['-n', '-c', '1', '-W', '2', address])
}

/** The number of a process that has ended. */
async function deadPid(): Promise<number> {
  const { stdout } = await execute('/bin/sh', ['-c', 'echo $$'])
  return Number(stdout)
}
