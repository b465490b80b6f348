import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runNumberedStreams } from '../testing/numbered-streams.ts'
import { createProcessMesh } from '../testing/process-mesh.ts'
import {
  hubsSeenBy,
  killDaemon,
  listenEcho,
  RELAY_ROLE,
  startTwoHubs,
  untilAttached,
} from '../testing/two-hub-mesh.ts'

// A hub that is drained before it is stopped, as who looks after it would do: real processes.

test('a hub is drained by a command, stopped and started, and used again; open connections lose nothing', {
  timeout: 400_000,
}, async t => {
  await using mesh = await createProcessMesh()
  await using target = await listenEcho()
  const port = await startTwoHubs(mesh, target.at)
  await using streams = await runNumberedStreams(port, 4)
  await streams.untilMore(100_000)
  const hubs = await hubsSeenBy(mesh, 'home')
  const controller = hubs.find(({ isRelay }) => isRelay !== true)?.id ?? ''
  const second = hubs.find(({ isRelay }) => isRelay === true)?.id ?? ''
  streams.takeLongestPause()

  assert.match(await mesh.run('home', 'drain', 'hub', second), /is drained: it can be stopped/)
  t.diagnostic(`drained: longest pause ${streams.takeLongestPause().toFixed(0)} ms`)
  assert.match(await mesh.run('work', 'get', 'hub'), /relay +draining/)
  const refused = await mesh.ztm('home', ['drain', 'hub', controller])
  assert.match(refused.stderr, /no other hub is there to take over/)
  await killDaemon(mesh, 'second')
  await streams.untilMore(100_000)
  t.diagnostic(`drained hub killed: longest pause ${streams.takeLongestPause().toFixed(0)} ms`)
  await mesh.startHub({ name: 'second', args: RELAY_ROLE })
  const seen = (await mesh.json('work', 'get', 'hub')) as { id: string; isDraining?: boolean }[]
  assert.equal(seen.find(({ id }) => id === second)?.isDraining, true, 'it stays so when it is started again')
  await mesh.run('home', 'drain', 'hub', second, '--undo')
  await untilAttached(mesh)
  await streams.untilMore(100_000)
  assert.deepEqual(streams.faults, [])
})
