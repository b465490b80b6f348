import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fetchPage, startPage } from '../testing/page.ts'
import { createProcessMesh } from '../testing/process-mesh.ts'
import { inboundPort } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

/** Processes that a process started and that live. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && parentOf(Number(name)) === pid)
    .map(Number)
}

function parentOf(pid: number): number | undefined {
  try {
    // The name, in brackets, may hold anything: fields are counted after it.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1])
  } catch {
    return undefined
  }
}

test('a hub copies in --workers, which stay when they are told to end, and go when the hub is killed', async t => {
  if (process.platform !== 'linux') return t.skip('reads /proc')
  await using mesh = await createProcessMesh()
  const args = ['--workers', '3']
  const hub = await mesh.startHub({ args })
  await mesh.startAgent('home', { args: ['--path', 'relay'] })
  await mesh.run('home', 'join', 'home', '--as', 'home', '--permit', mesh.permit)
  await mesh.join('work')
  await using page = await startPage('a page')
  await mesh.run('work', 'tunnel', 'open', 'outbound', 'tcp/web', '--targets', page.at)
  await mesh.run('home', 'tunnel', 'open', 'inbound', 'tcp/web', '--listen', '127.0.0.1:0')
  const port = await inboundPort(mesh, 'home', 'tcp/web')
  assert.equal(await fetchPage(port), 'a page')

  const workers = childrenOf(hub.child.pid ?? 0)
  assert.equal(workers.length, 3)
  // As a service is stopped, or by Ctrl-C: all processes of the group are told.
  for (const pid of workers) process.kill(pid, 'SIGTERM')
  assert.equal(await fetchPage(port), 'a page')
  assert.deepEqual(childrenOf(hub.child.pid ?? 0), workers)

  await hub.stop('SIGKILL')
  await until(() => workers.every(pid => parentOf(pid) === undefined), 'its workers are gone')
  await mesh.startHub({ args })
  await until(async () => (await fetchPage(port).catch(() => '')) === 'a page', 'it works again')
})

test('a hub with --workers 0 starts no process', async t => {
  if (process.platform !== 'linux') return t.skip('reads /proc')
  await using mesh = await createProcessMesh()
  const hub = await mesh.startHub({ args: ['--workers', '0'] })
  assert.deepEqual(childrenOf(hub.child.pid ?? 0), [])
})
