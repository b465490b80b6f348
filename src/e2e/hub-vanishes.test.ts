import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHubLab, type HubLab } from '../testing/hub-lab.ts'
import { canHaveNetLab } from '../testing/net-lab.ts'
import { hubsSeenBy } from '../testing/two-hub-mesh.ts'
import { until } from '../testing/until.ts'

// The computer of a hub vanishes in the middle of streams: no end, no reset, nothing comes from it any more.

const RELAYED = ['--path', 'relay', 'relay-h2']

test('a stream goes on over the other hub when the computer of its own vanishes without a word', {
  timeout: 400_000,
}, async t => {
  if (!canHaveNetLab(t)) return
  await using lab = await createHubLab(['second'], ['home', 'work'])
  await Promise.all(['home', 'work'].map(name => lab.joinInvited(name, RELAYED)))
  await untilBothAttached(lab)
  const talk = await lab.talk('work', await lab.echoTunnel('work', 'home'))
  await talk.untilAnswered()
  // Whichever carries it at first: with three each is left once.
  for (const name of ['second', 'hub', 'second']) {
    await lab.lab.host(name).nft(`table inet gone {
      chain out { type filter hook output priority 0; oifname != "lo" drop; }
      chain in { type filter hook input priority 0; iifname != "lo" drop; }
    }`)
    await talk.untilAnswered()
    t.diagnostic(`${name} vanished: longest pause so far ${talk.report.longestPauseMs.toFixed(0)} ms`)
    await lab.lab.host(name).nft('delete table inet gone')
    await untilBothAttached(lab)
  }
  await talk.untilAnswered()
  const { sentBytes, receivedBytes } = await talk.finish()
  assert.equal(receivedBytes, sentBytes)
})

async function untilBothAttached(lab: HubLab): Promise<void> {
  for (const agent of ['home', 'work'])
    await until(async () => {
      const hubs = await hubsSeenBy(lab, agent)
      return hubs.length === 2 && hubs.every(({ isAttached }) => isAttached)
    }, `${agent} has links to both hubs`)
}
