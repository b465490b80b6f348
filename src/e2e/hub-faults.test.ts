import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { runNumberedStreams } from '../testing/numbered-streams.ts'
import { createProcessMesh, type Daemon, type ProcessMesh } from '../testing/process-mesh.ts'
import { listenEcho, RELAY_ROLE, startTwoHubs, untilAttached } from '../testing/two-hub-mesh.ts'

// What can happen to one of two hubs, while streams go by it, beside that it is killed: real processes.

test('streams go on over the other hub when one is frozen, and when one is told to stop', {
  timeout: 180_000,
}, async t => {
  await using mesh = await createProcessMesh()
  await using target = await listenEcho()
  const port = await startTwoHubs(mesh, target.at)
  await using streams = await runNumberedStreams(port, 4)
  await streams.untilMore(100_000)

  // Whichever carries them at first: with three of each, each is left once.
  for (const name of ['second', 'hub', 'second']) {
    const pids = await familyOf(daemonOf(mesh, name))
    streams.takeLongestPause()
    try {
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      const newMs = await untilConnected(port)
      await streams.untilMore(200_000)
      const pause = streams.takeLongestPause().toFixed(0)
      t.diagnostic(`${name} frozen: longest pause ${pause} ms, a new connection after ${newMs.toFixed(0)} ms`)
    } finally {
      // One that is stopped cannot end.
      for (const pid of pids) process.kill(pid, 'SIGCONT')
    }
    assert.deepEqual(streams.faults, [])
    await untilAttached(mesh)
  }
  for (const name of ['second', 'hub', 'second']) {
    streams.takeLongestPause()
    await daemonOf(mesh, name).stop('SIGTERM')
    await streams.untilMore(100_000)
    t.diagnostic(`${name} told to stop: longest pause ${streams.takeLongestPause().toFixed(0)} ms`)
    assert.deepEqual(streams.faults, [])
    await mesh.startHub(name === 'hub' ? {} : { name, args: RELAY_ROLE })
    await untilAttached(mesh)
  }
  t.diagnostic(`${(streams.byteCount / 1e6).toFixed(1)} MB there and back, every byte compared`)
})

/**
 * A new connection, as a program would open it: again, where it was reset. That happens to those who have said something before the hub
 * is known to be silent: it could be said twice.
 *
 * @returns ms until one works
 */
async function untilConnected(port: number): Promise<number> {
  const startedMs = performance.now()
  for (;;) {
    await using more = await runNumberedStreams(port, 1)
    await more.untilMore(10_000)
    if (more.faults.length === 0) return performance.now() - startedMs
  }
}

/** A hub, and the processes that copy for it. */
async function familyOf({ child }: Daemon): Promise<readonly number[]> {
  const pid = child.pid as number
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return [pid, ...children.split(' ').filter(Boolean).map(Number)]
}

function daemonOf(mesh: ProcessMesh, name: string): Daemon {
  const found = [...mesh.daemons].find(daemon => daemon.name === name)
  if (found === undefined) throw new Error(`${name} does not run`)
  return found
}
