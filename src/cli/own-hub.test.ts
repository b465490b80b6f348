import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAKE_NOW_MS } from '../testing/fake-answers.ts'
import { startFakeDaemons } from '../testing/fake-daemons.ts'
import { openLab } from './recorded-world.ts'

const LINK = `ztm://hub.example:8888/${'a'.repeat(26)}#${'0'.repeat(16)}${'x'.repeat(43)}`

test('start mesh starts a hub, joins it, and says who can reach it', async t => {
  const { ztm, daemons } = await openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS })
  const { code, stdout, stderr } = await ztm('start', 'mesh', 'mine', '--as', 'first', '--port', '9000')
  assert.equal(
    stdout,
    'Mesh mine is up (until this computer restarts: `ztm start hub` makes it a service), and this is endpoint first of it: let others in with `ztm invite USER`\n',
  )
  assert.match(stderr, /192\.168\.0\.2:8888 answers: for this network alone/)
  assert.equal(code, 0)
  const sent = daemons.calls.filter(call => call.route === 'agent.startOwnHub')
  assert.deepEqual(sent[0]?.body, { port: 9_000, names: ['192.168.0.2:9000'] })
})

test('gui opens the page with a permit link, and takes none that was cut short', async t => {
  const { ztm } = await openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS })
  const { stdout } = await ztm('gui', LINK, '--no-open')
  assert.ok(stdout.trim().endsWith(`#${encodeURIComponent(LINK)}`), stdout)
  const { code, stderr } = await ztm('gui', LINK.slice(0, -1), '--no-open')
  assert.notEqual(code, 0)
  assert.match(stderr, /cut short/)
  assert.doesNotMatch(stderr, /xxxx/)
})
