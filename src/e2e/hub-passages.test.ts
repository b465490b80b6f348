import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHubLab } from '../testing/hub-lab.ts'
import { canHaveNetLab } from '../testing/net-lab.ts'
import { killDaemon } from '../testing/two-hub-mesh.ts'

// Networks in which each agent reaches another hub only: whatever it sends to the others is lost.

const RELAYED = ['--path', 'relay', 'relay-h2']

test('agents that reach one hub each join through it, and meet, also while the controller is away', {
  timeout: 120_000,
}, async t => {
  if (!canHaveNetLab(t)) return
  await using lab = await createHubLab(['second', 'third'], ['home', 'work', 'far'])
  await lab.cutOff('home', 'hub', 'third')
  await lab.cutOff('work', 'hub', 'second')
  await lab.cutOff('far', 'second', 'third')
  await Promise.all(['home', 'work', 'far'].map(name => lab.joinInvited(name, RELAYED)))
  // Both orders of hubs that only relay, and of one of them and the hub with the controller.
  const pairs = [
    ['home', 'work'],
    ['work', 'home'],
    ['home', 'far'],
    ['far', 'work'],
  ] as const
  const talks = await Promise.all(
    pairs.map(async ([guest, host]) => {
      const talk = await lab.talk(guest, await lab.echoTunnel(guest, host))
      t.diagnostic(`${guest} to ${host}: first byte after ${talk.report.firstByteMs.toFixed(0)} ms`)
      return talk
    }),
  )
  // Those two have a hub each without the controller's.
  await killDaemon(lab, 'hub')
  for (const talk of talks.slice(0, 2)) {
    await talk.untilAnswered()
    t.diagnostic(`longest pause with the controller killed: ${talk.report.longestPauseMs.toFixed(0)} ms`)
  }
  await lab.startLabHub('hub')
  for (const talk of talks) {
    await talk.untilAnswered()
    const { sentBytes, receivedBytes } = await talk.finish()
    assert.equal(receivedBytes, sentBytes)
  }
})
