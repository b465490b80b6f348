import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import { FAKE_IDS, FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { type FakeDaemons, startFakeDaemons } from '../../testing/fake-daemons.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { createRecordedWorld, openLab, type RecordedWorldOptions } from '../recorded-world.ts'

const lab = (t: TestContext, options: Partial<RecordedWorldOptions> = {}) =>
  openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS + 60_000, ...options })

const sent = (daemons: FakeDaemons, route: string) => daemons.calls.filter(call => call.route === route)

test('ping counts, times and prints statistics', async t => {
  const { ztm } = await lab(t)
  const { code, stdout } = await ztm('ping', 'ep', 'office', '-c', '3', '-i', '1ms')
  assert.equal(code, 0)
  assert.match(stdout, /^answer from office: seq=3 path=relay time=1\.50 ms$/m)
  assert.match(stdout, /^3 sent, 3 received, 0 % lost, time \d+ ms$/m)
  assert.match(stdout, /^round trip min\/avg\/max\/mdev = 1\.500\/1\.500\/1\.500\/0\.000 ms$/m)
})

test('ping ends with the code of the last error when nothing answered', async t => {
  const { ztm, daemons } = await lab(t)
  daemons.answer('agent.pingEndpoint', () => {
    throw new MeshError('offline', 'Cannot ping "office": it is offline')
  })
  const { code, stdout, stderr } = await ztm('ping', 'ep', 'office', '-c', '2', '-i', '1ms', '-o', 'json')
  const { sentCount, receivedCount } = JSON.parse(stdout)
  assert.deepEqual({ code, sentCount, receivedCount }, { code: 5, sentCount: 2, receivedCount: 0 })
  assert.deepEqual(JSON.parse(stderr), { code: 'offline', message: 'Cannot ping "office": it is offline' })
})

test('ping goes on until Ctrl-C on a terminal', async t => {
  const { ztm, daemons, interrupt } = await lab(t, { isTerminal: true })
  daemons.answer('agent.pingEndpoint', () => {
    if (sent(daemons, 'agent.pingEndpoint').length === 6) interrupt()
    return { endpoint: FAKE_IDS.office, path: 'relay', roundTripMs: 1 }
  })
  const { code, stdout } = await ztm('ping', 'ep', 'office', '-i', '1ms')
  assert.equal(code, 0)
  assert.match(stdout, /^6 sent, 6 received/m)
})

test('log prints lines for people, and as JSON for programs', async t => {
  const { ztm, daemons } = await lab(t)
  const { stdout } = await ztm('log', 'agent', '--since', '10m', '--level', 'warn', '-n', '5')
  assert.match(stdout, / info link\.opened hub=hub\.example:8888\n.* warn app\.failed app=ztm\/tunnel\n$/)
  assert.equal(JSON.parse((await ztm('log', 'app', 'tunnel', '-o', 'json')).stdout).length, 1)
  const queries = sent(daemons, 'agent.showLog').map(({ query }) => query)
  const [first, second] = queries
  assert.deepEqual({ ...first, sinceMs: 0 }, { level: 'warn', limit: 5, sinceMs: 0 })
  assert.ok(Math.abs(Number(first?.sinceMs) - (FAKE_NOW_MS - 540_000)) < 5_000)
  assert.deepEqual(second, { level: 'info', limit: 200, app: 'ztm/tunnel' })
})

test('log of a hub is that of this folder, of the mesh, or of one named', async t => {
  const { ztm, daemons, folder } = await lab(t)
  await ztm('log', 'hub')
  await ztm('log', 'hub', 'other.example:8888')
  writeFileSync(folder.file('data/hub.log'), '')
  await ztm('log', 'hub')
  const asked = daemons.calls
    .filter(({ route }) => /Log$/.test(route))
    .map(({ route, params }) => [route, params.hub])
  assert.deepEqual(asked, [
    ['agent.hubLog', FAKE_IDS.hub],
    ['agent.hubLog', 'other.example:8888'],
    ['hub.showLog', undefined],
  ])
})

test('log of an agent that is down is read from its file', async t => {
  const folder = makeScratchFolder()
  t.after(() => folder[Symbol.dispose]())
  mkdirSync(folder.file('data'), { mode: 0o700 })
  const line = { level: 'error', time: new Date(FAKE_NOW_MS).toISOString(), event: 'agent.failed', why: 'x' }
  writeFileSync(folder.file('data/agent.log'), `${JSON.stringify(line)}\n`)
  const { ztm } = createRecordedWorld({ folder: folder.path })
  const { code, stdout } = await ztm('log', 'agent')
  assert.match(stdout, / error agent\.failed why=x\n$/)
  assert.equal(code, 0)
})

test('log -f shows each new line once, also of one millisecond, until Ctrl-C', async t => {
  const { ztm, daemons, interrupt } = await lab(t)
  const line = (event: string, timeMs: number) => ({ timeMs, level: 'info', event, fields: {} })
  const answers = [[line('a', 1), line('b', 2)], [line('b', 2), line('c', 2), line('d', 3)], [line('d', 3)]]
  daemons.answer('agent.showLog', () => {
    const lines = answers.shift()
    if (lines === undefined) interrupt()
    return { lines: lines ?? [] }
  })
  const { code, stdout } = await ztm('log', 'agent', '-f', '-o', 'name')
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'a\nb\nc\nd\n' })
})
