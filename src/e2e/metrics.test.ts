import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fetchPage, startPage } from '../testing/page.ts'
import { createProcessMesh, freePort, type ProcessMesh } from '../testing/process-mesh.ts'
import { inboundPort } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

// What Prometheus finds at the ports that `--metrics` opens.

let mesh: ProcessMesh
const ports = { hub: 0, home: 0 }

before(async () => {
  mesh = await createProcessMesh()
  for (const name of ['hub', 'home'] as const) ports[name] = await freePort()
  await mesh.startHub({ args: ['--metrics', `127.0.0.1:${ports.hub}`] })
  await mesh.startAgent('home', { args: ['--path', 'relay', '--metrics', String(ports.home)] })
  await mesh.run('home', 'join', 'home', '--as', 'home', '--permit', mesh.permit)
  await mesh.join('work')
  await using page = await startPage('page')
  await mesh.run('work', 'tunnel', 'open', 'outbound', 'tcp/web', '--targets', page.at)
  await mesh.run('home', 'tunnel', 'open', 'inbound', 'tcp/web', '--listen', '127.0.0.1:0')
  assert.equal(await fetchPage(await inboundPort(mesh, 'home', 'tcp/web')), 'page')
})

after(() => mesh[Symbol.asyncDispose]())

/** The samples without labels but `mesh`, as Prometheus reads them. */
async function scrape(port: number): Promise<Map<string, number>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  assert.equal(response.status, 200)
  assert.match(String(response.headers.get('content-type')), /^text\/plain/)
  const samples = new Map<string, number>()
  for (const line of (await response.text()).split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name = '', value = ''] =
      /^([\w:]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? assert.fail(`no sample: ${line}`)
    samples.set(name, Number(value))
  }
  return samples
}

test('/metrics of a hub counts links, relays, strangers and bytes, and says when its certificate ends', async () => {
  // What its other processes copied, they tell it now and then.
  const relayedBytes = async () => (await scrape(ports.hub)).get('ztm_hub_relayed_bytes_total') ?? 0
  await until(async () => (await relayedBytes()) > 1_000, 'the hub has counted what was relayed')
  const samples = await scrape(ports.hub)
  assert.equal(samples.get('ztm_hub_links'), 2)
  assert.equal(samples.get('ztm_hub_relays'), 1)
  assert.equal(samples.get('ztm_hub_strangers'), 0)
  assert.equal(samples.get('ztm_hub_open_tickets'), 0)
  assert.equal(samples.get('ztm_hub_relays_refused_total'), 0)
  assert.equal(samples.get('ztm_hub_relays_throttled_seconds_total'), 0)
  const leftSeconds = (samples.get('ztm_hub_certificate_expiry_seconds') ?? 0) - Date.now() / 1_000
  assert.ok(leftSeconds > 86_400 && leftSeconds < 8 * 86_400, `${leftSeconds} s`)
  assert.ok((samples.get('process_resident_memory_bytes') ?? 0) > 0)
})

test('/metrics of an agent has one series a mesh: link, sessions, certificate', async () => {
  const samples = await scrape(ports.home)
  assert.equal(samples.get('ztm_agent_link_up{mesh="home"}'), 1)
  assert.equal(samples.get('ztm_agent_sessions_out{mesh="home"}'), 1)
  assert.equal(samples.get('ztm_agent_sessions_in{mesh="home"}'), 0)
  const expiry = samples.get('ztm_agent_certificate_expiry_seconds{mesh="home"}') ?? 0
  const leftSeconds = expiry - Date.now() / 1_000
  assert.ok(leftSeconds > 3_600 && leftSeconds < 2 * 86_400, `${leftSeconds} s`)
  await mesh.run('home', 'leave', 'home')
  const left = [...(await scrape(ports.home)).keys()].filter(name => name.includes('mesh='))
  assert.deepEqual(left, [])
})

test('the port of --metrics serves nothing else', async () => {
  for (const path of ['/', '/api/status', '/api/meshes', '/metrics/x']) {
    assert.equal((await fetch(`http://127.0.0.1:${ports.hub}${path}`)).status, 404)
  }
})
