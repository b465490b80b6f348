import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTunnelLab } from '../testing/tunnel-lab.ts'

// Kills at any moment: what was acknowledged is there afterwards, on both sides, and nothing is half there.

test('every tunnel that was acknowledged survives kills of its agent, every user that was invited those of the hub', async t => {
  await using lab = await createTunnelLab()
  const tunnels = new Set<string>()
  const invited = new Set<string>()
  const kill = (name: string) => [...lab.daemons].find(daemon => daemon.name === name)?.stop('SIGKILL')

  for (let round = 0; round < 6; round += 1) {
    // Commands that run while the process dies: each either was acknowledged or was not.
    const names = [0, 1, 2].map(i => `tcp/kill-${round}-${i}`)
    const opened = names.map(name =>
      lab.ztm('home', ['tunnel', 'open', 'outbound', name, '--targets', '127.0.0.1:9']),
    )
    const inviting = lab.ztm('work', [
      'invite',
      `user-${round}`,
      '--permit',
      `${lab.folder}/user-${round}.json`,
    ])
    const isHubKilled = round % 2 === 1
    // At a moment that differs from round to round, some way into the commands.
    await Promise.race([Promise.all(opened), new Promise(resolve => setTimeout(resolve, 250 + 90 * round))])
    await kill(isHubKilled ? 'hub' : 'home')
    for (const [i, { code }] of (await Promise.all(opened)).entries())
      if (code === 0) tunnels.add(names[i] as string)
    if ((await inviting).code === 0) invited.add(`user-${round}`)
    if (isHubKilled) await lab.startHub()
    else await lab.startAgent('home')
  }

  const outbounds = (await lab.json('home', 'tunnel', 'get', 'outbound')) as {
    protocol: string
    name: string
  }[]
  const found = new Set(outbounds.map(({ protocol, name }) => `${protocol}/${name}`))
  const lost = [...tunnels].filter(name => !found.has(name))
  assert.deepEqual(lost, [])
  const invitations = (await lab.json('work', 'get', 'invitation')) as { user: string }[]
  const known = new Set(invitations.map(({ user }) => user))
  assert.deepEqual(
    [...invited].filter(user => !known.has(user)),
    [],
  )
  t.diagnostic(`${tunnels.size} of 18 tunnels and ${invited.size} of 6 invitations were acknowledged`)
  assert.ok(tunnels.size > 0 && invited.size > 0)
})
