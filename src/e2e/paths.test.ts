import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DEGRADATION_LADDER } from '../testing/link-emulator-ladder.ts'
import { BREAKING_FAULTS, FAULT_SITES, PASSING_FAULTS } from '../testing/nat-lab-faults.ts'
import { createNatMesh, type NatMesh } from '../testing/nat-lab-mesh.ts'
import { whyNoNetLab } from '../testing/net-lab.ts'

// What happens to a network under a tunnelled connection that is open: the connection goes on, byte by byte.

const skip = whyNoNetLab() ?? false
let mesh: NatMesh
let port = 0

before(async () => {
  if (skip !== false) return
  mesh = await createNatMesh(FAULT_SITES)
  port = await mesh.echoTunnel('work', 'home')
})

after(async () => {
  await mesh?.[Symbol.asyncDispose]()
})

for (const { name, happen, longestPauseMs: limitMs = Number.POSITIVE_INFINITY } of [
  ...PASSING_FAULTS,
  ...BREAKING_FAULTS,
]) {
  test(`${name}: an open connection goes on, a new one opens`, { skip, timeout: 60_000 }, async t => {
    const open = await mesh.talk('work', port)
    await happen(mesh)
    await open.untilAnswered()
    const { receivedBytes, sentBytes, longestPauseMs } = await open.finish()
    assert.equal(receivedBytes, sentBytes)
    assert.ok(longestPauseMs < limitMs, `it paused for ${longestPauseMs.toFixed(0)} ms`)
    const { firstByteMs } = await (await mesh.talk('work', port)).finish()
    const [best] = await mesh.paths('work', 'home')
    t.diagnostic(
      `${receivedBytes} bytes, longest pause ${longestPauseMs.toFixed(0)} ms; then first byte after ${firstByteMs.toFixed(0)} ms, path ${best?.path}`,
    )
  })
}

// Every second rung; bench/network-faults.ts climbs all, at both sides.
const RUNGS = DEGRADATION_LADDER.filter((_, index) => index % 2 === 0).slice(0, -1)
for (const [index, { name, conditions }] of RUNGS.entries()) {
  const site = index % 2 === 0 ? 'house' : 'office'
  test(`${name} at one side: a connection opens, and bytes go back and forth`, {
    skip,
    timeout: 60_000,
  }, async t => {
    await using _ = { [Symbol.asyncDispose]: async () => void (await mesh.lab.links.get(site)?.set({})) }
    await mesh.lab.links.get(site)?.set(conditions)
    const talk = await mesh.talk('work', port)
    await talk.untilAnswered()
    const { firstByteMs, longestPauseMs } = talk.report
    t.diagnostic(`first byte ${firstByteMs.toFixed(0)} ms, longest pause ${longestPauseMs.toFixed(0)} ms`)
    await mesh.lab.links.get(site)?.set({})
    const { receivedBytes, sentBytes } = await talk.finish()
    assert.equal(receivedBytes, sentBytes)
  })
}
