import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runNumberedStreams } from '../testing/numbered-streams.ts'
import { createProcessMesh, type ProcessMesh } from '../testing/process-mesh.ts'
import {
  hubsSeenBy,
  killDaemon,
  listenEcho,
  RELAY_ROLE,
  startTwoHubs,
  untilAttached,
} from '../testing/two-hub-mesh.ts'

// Two hubs in one mesh, with real processes: the one with the controller, and one that only relays.

test('streams go on over the other hub when one of two is killed, whichever it is', async t => {
  await using mesh = await createProcessMesh()
  await using target = await listenEcho()
  const port = await startTwoHubs(mesh, target.at)
  await using streams = await runNumberedStreams(port, 4)
  await streams.untilMore(100_000)

  // Whichever carries them at first: with three kills each is left once.
  for (const name of ['second', 'hub', 'second']) {
    const isController = name === 'hub'
    streams.takeLongestPause()
    await killDaemon(mesh, name)
    await streams.untilMore(200_000)
    t.diagnostic(`${name} killed: longest pause ${streams.takeLongestPause().toFixed(0)} ms`)
    assert.deepEqual(streams.faults, [])
    if (isController) await withoutController(mesh, port)
    await mesh.startHub(isController ? {} : { name, args: RELAY_ROLE })
    await untilAttached(mesh)
  }
  await streams.untilMore(100_000)
  assert.deepEqual(streams.faults, [])
  t.diagnostic(`${(streams.byteCount / 1e6).toFixed(1)} MB there and back, every byte compared`)
})

/** What was dialled before can be dialled on; what is known of hubs is shown. */
async function withoutController(mesh: ProcessMesh, port: number): Promise<void> {
  await using more = await runNumberedStreams(port, 1)
  await more.untilMore(50_000)
  assert.deepEqual(more.faults, [])
  const known = await hubsSeenBy(mesh, 'work')
  assert.deepEqual(
    known.map(({ isRelay, isAttached }) => [isRelay, isAttached]),
    [[true, true]],
  )
}
