import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inParallel } from '../testing/in-parallel.ts'
import { fetchPage } from '../testing/page.ts'
import { type Daemon, LAUNCHER } from '../testing/process-mesh.ts'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

// What `ztm status`, `ztm log` and `ztm doctor` say of a healthy mesh, and of broken ones.

let lab: TunnelLab
let hub: Daemon & { address: string }

before(async () => {
  lab = await createTunnelLab({ program: [LAUNCHER] })
  hub = [...lab.daemons].find(({ role }) => role === 'hub') as typeof hub
})

after(() => lab[Symbol.asyncDispose]())

test('status tells what runs, since when, and how links, certificates and paths are', async () => {
  await lab.run('home', 'ping', 'ep', 'work', '-c', '1')
  const [agent, data, atHub] = await Promise.all([
    lab.run('home', 'status'),
    lab.json('home', 'status', 'agent') as Promise<{ agent: { pid: number; meshes: unknown[] } }>,
    lab.run('hub', 'status', 'hub'),
  ])
  assert.match(agent, /^Agent: +running, process \d+, version \d/m)
  assert.match(agent, /^Started: +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \(/m)
  assert.match(agent, /^home +home +root +127\.0\.0\.1:\d+ +in 24 h +online$/m)
  assert.match(agent, / +direct +open +/)
  assert.equal(data.agent.pid, [...lab.daemons].find(({ name }) => name === 'home')?.child.pid)
  assert.equal(data.agent.meshes.length, 1)
  assert.match(atHub, new RegExp(`^Hub: +running, process ${hub.child.pid}, `, 'm'))
  assert.match(atHub, /^Certificate: +expires .*\(in 7 d\)$/m)
  assert.match(atHub, /^Endpoints: +2, 2 linked$/m)
  for (const role of ['hub', 'agent']) {
    const { code, stderr } = await lab.ztm('nothing-here', ['status', role])
    assert.deepEqual([code, / none runs there: start it with /.test(stderr)], [5, true], stderr)
  }
})

test('log shows agent, hub and app, here, at another endpoint and after the daemon has ended', async () => {
  await lab.tunnel('tcp/nothing', '127.0.0.1:9')
  const [agent, atHub, viaAgent, remote, lines] = await Promise.all([
    lab.run('home', 'log', 'agent'),
    lab.run('hub', 'log', 'hub', '-n', '50'),
    lab.run('home', 'log', 'hub'),
    lab.run('home', 'ep', 'work', 'log', 'agent'),
    lab.json('home', 'log', 'agent', '--since', '1h', '--level', 'info') as Promise<{ event: string }[]>,
  ])
  assert.match(agent, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info mesh\.joined mesh=home endpoint=home user=root$/m)
  assert.match(atHub, /^\S+ \S+ info endpoint\.enrolled .* name=work /m)
  assert.match(viaAgent, /endpoint\.enrolled .* name=work /)
  assert.match(remote, /mesh\.joined mesh=home endpoint=work /)
  assert.ok(lines.some(({ event }) => event === 'link.opened'))
  assert.equal(await lab.run('home', 'log', 'agent', '--level', 'error'), '')
})

test('doctor finds nothing wrong with a healthy agent and hub', async () => {
  const [agent, atHub] = await Promise.all([examine('home'), examine('hub')])
  assert.deepEqual([agent.code, agent.failed], [0, []])
  assert.deepEqual([atHub.code, atHub.failed], [0, []])
  const checks = agent.findings.filter(({ state }) => state === 'ok').map(({ check }) => check)
  for (const check of ['agent', 'clock', 'mesh home', `hub ${hub.address}`, 'certificate in home'])
    assert.ok(checks.includes(check), `${check} in ${checks.join(', ')}`)
})

test('doctor names what is wrong: no agent, cut permit, wrong clock, open folder', async () => {
  await writeFile(join(lab.folder, 'cut.json'), (await readFile(lab.permit)).subarray(0, 600), {
    mode: 0o600,
  })
  const [library = ''] = globSync('/usr/lib/*/faketime/libfaketime.so.1')
  const late = { LD_PRELOAD: library, FAKETIME: '+10m', FAKETIME_DONT_FAKE_MONOTONIC: '1' }
  const cut = join(lab.folder, 'cut.json')
  const cases = [
    { of: 'nothing', fault: 'agent-down', code: 5, remedy: /ztm run agent/ },
    { of: 'home', args: ['--permit', cut], fault: 'permit-broken', code: 2, remedy: /copy it again, whole/ },
    { of: 'home', env: late, fault: 'clock-ahead', code: 8, remedy: /set the clock of this computer/ },
  ]
  await inParallel(cases, async ({ of, fault, code, remedy, ...how }) => {
    const found = await examine(of, how)
    assert.deepEqual([found.code, found.failed.map(each => each.fault)], [code, [fault]])
    assert.match(found.failed[0]?.remedy ?? '', remedy)
  })

  await chmod(join(lab.folder, 'work'), 0o777)
  const open = await examine('work')
  await chmod(join(lab.folder, 'work'), 0o700)
  assert.deepEqual([open.code, open.failed.map(({ fault }) => fault)], [10, ['folder-open']])
  assert.match(open.failed[0]?.remedy ?? '', /chmod 700/)
})

test('doctor warns of a target that is down', async () => {
  await assert.rejects(fetchPage(await lab.tunnel('tcp/down', '127.0.0.1:9')))
  const { code, findings } = await examine('home')
  const warning = findings.find(({ fault }) => fault === 'target-down')
  assert.deepEqual([code, warning?.state, warning?.check], [0, 'warning', 'outbound tcp/down'])
  assert.match(warning?.remedy ?? '', /start what should listen there/)
})

test('doctor blames the hub that is gone, once, and status ends with the code for it', async () => {
  await hub.stop('SIGKILL')
  await until(async () => (await lab.ztm('home', ['status'])).code === 5, 'the agent knows the hub is gone')
  const [agent, atHub] = await Promise.all([examine('home'), examine('hub')])
  assert.deepEqual([agent.code, agent.failed.map(({ fault }) => fault)], [5, ['port-refused']])
  assert.equal(agent.failed[0]?.check, `hub ${hub.address}`)
  assert.match(agent.failed[0]?.remedy ?? '', /start the hub there/)
  assert.deepEqual([atHub.code, atHub.failed.map(({ fault }) => fault)], [5, ['hub-down']])
  assert.match(await lab.run('hub', 'log', 'hub'), /endpoint\.enrolled/)
})

interface Finding {
  readonly check: string
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped'
  readonly fault?: string
  readonly remedy?: string
}

async function examine(
  data: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: Record<string, string> } = {},
) {
  const { code, stdout, stderr } = await lab.ztm(data, ['doctor', ...args, '-o', 'json'], { env })
  assert.equal(stderr, '')
  const findings = JSON.parse(stdout) as Finding[]
  return { code, findings, failed: findings.filter(({ state }) => state === 'failed') }
}
