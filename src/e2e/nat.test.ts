import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Site } from '../testing/nat-lab.ts'
import { createNatMesh } from '../testing/nat-lab-mesh.ts'
import type { NatKind } from '../testing/nat-lab-rules.ts'
import { canHaveNetLab } from '../testing/net-lab.ts'

// A mesh of real processes behind real NATs. A few telling pairs; bench/nat-matrix.ts has all.

const behind = (...nats: NatKind[]): Omit<Site, 'hosts'> => ({ nats })

const PAIRS: Readonly<Record<string, readonly [Omit<Site, 'hosts'>, Omit<Site, 'hosts'>]>> = {
  'a public computer and a port-restricted NAT': [{}, behind('port-restricted')],
  'two port-restricted NATs': [behind('port-restricted'), behind('port-restricted')],
  'a full-cone and a symmetric NAT': [behind('full-cone'), behind('symmetric')],
  'two symmetric NATs': [behind('symmetric'), behind('symmetric')],
  'two layers of NAT, and a network without UDP': [
    behind('port-restricted', 'port-restricted'),
    behind('udp-blocked'),
  ],
  'IPv6 alone, and IPv4 alone': [{ ip: 'v6' }, behind('port-restricted')],
}

for (const [name, [home, work]] of Object.entries(PAIRS)) {
  test(`${name}: both join, and a tunnel carries data`, { timeout: 60_000 }, async t => {
    if (!canHaveNetLab(t)) return
    await using mesh = await createNatMesh({
      home: { ...home, hosts: ['home'] },
      work: { ...work, hosts: ['work'] },
    })
    const talk = await mesh.talk('work', await mesh.echoTunnel('work', 'home'))
    await talk.untilAnswered()
    const { sentBytes, receivedBytes, firstByteMs } = await talk.finish()
    const [best] = await mesh.paths('work', 'home')
    t.diagnostic(`first byte after ${firstByteMs.toFixed(0)} ms, path ${best?.path}`)
    assert.equal(receivedBytes, sentBytes)
    // Nothing waits for a path that does not come: neither for UDP that is dropped nor for a hole.
    assert.ok(firstByteMs < 3_000, `first byte after ${firstByteMs} ms`)
  })
}

test('two computers behind one NAT: both join, and a tunnel carries data', { timeout: 60_000 }, async t => {
  if (!canHaveNetLab(t)) return
  await using mesh = await createNatMesh({
    office: { nats: ['symmetric'], hosts: ['home', 'work'] },
  })
  const talk = await mesh.talk('work', await mesh.echoTunnel('work', 'home'))
  await talk.untilAnswered()
  const { sentBytes, receivedBytes } = await talk.finish()
  const [best] = await mesh.paths('work', 'home')
  t.diagnostic(`path ${best?.path}`)
  assert.equal(receivedBytes, sentBytes)
})
