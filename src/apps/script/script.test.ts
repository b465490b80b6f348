import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { parseName, parseUserName } from '../../core/model/names.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { followFrames } from '../../testing/terminal-rig.ts'
import { createTestMesh, type TestEndpoint } from '../../testing/test-host.ts'
import { until } from '../../testing/until.ts'
import { SCRIPT_LIMITS } from './limits.ts'
import { answerShape, type Grants, runShape, SCRIPT_API, type ScriptRequest } from './messages.ts'
import { createScriptApp } from './script.ts'
import { scriptServiceOf } from './script-service.ts'

const params = { endpoint: 'far' }
const bob = parseUserName('bob')

interface RunWords extends Partial<Extract<ScriptRequest, { kind: 'run' }>> {
  readonly from?: TestEndpoint
}

async function openRig(t: TestContext, limits: Partial<typeof SCRIPT_LIMITS> = {}) {
  const mesh = createTestMesh()
  t.after(() => mesh[Symbol.asyncDispose]())
  const app = createScriptApp({ ...SCRIPT_LIMITS, ...limits })
  const [near, far, guest] = [
    mesh.addEndpoint('near'),
    mesh.addEndpoint('far'),
    mesh.addEndpoint('guest', 'bob'),
  ]
  const farApp = await far.start(app)
  const ask = async (from: TestEndpoint, request: ScriptRequest, source = '') => {
    const dialing = from.host(app).dial(scriptServiceOf(parseUserName('root')))
    dialing.write(encodeSmallMessage(request))
    const { stream } = await dialing.opened
    stream.on('error', () => {})
    stream.write(source)
    const answer = await readSmallMessage(stream, answerShape)
    if (answer.isGood) return { stream, answer }
    throw parseErrorBody(answer.error) ?? new MeshError('bug', 'no reason')
  }
  const run = async (source: string, { from = near, ...words }: RunWords = {}) => {
    const request = {
      kind: 'run',
      name: 'test.ts',
      language: 'mts',
      sourceBytes: Buffer.byteLength(source),
    } as const
    const { stream, answer } = await ask(from, { ...request, ...words }, source)
    return followFrames(stream, answer.run ?? '', 0)
  }
  /** Run to the end. */
  const outcome = async (source: string, words: RunWords = {}) => {
    const running = await run(source, words)
    running.send('input-end')
    const end = await running.ended
    return { end, output: running.output().toString(), errors: running.errors() }
  }
  const list = async (from = near) => {
    const { stream } = await ask(from, { kind: 'list' })
    const listed = followFrames(stream, '', 0)
    await listed.ended
    return runShape.array().parse(JSON.parse(listed.output().toString()))
  }
  return { mesh, app, near, far, guest, farApp, ask, run, outcome, list }
}

const grants = (asked: Partial<Grants>): Grants => ({
  network: [],
  read: [],
  write: [],
  run: [],
  dial: [],
  ...asked,
})

test('TypeScript runs with its arguments and input, and gives output, errors and exit code back', async t => {
  const { run, outcome } = await openRig(t)
  const source = `
    const [first, second]: string[] = process.argv.slice(2)
    let size: number = 0
    for await (const chunk of process.stdin) size += chunk.length
    console.log(first, second, size)
    console.error('oh')
    process.exitCode = 7`
  const running = await run(source, { args: ['a b', '--x'] })
  running.send('input', Buffer.alloc(500_000, 1))
  running.send('input-end')
  assert.deepEqual(await running.ended, { code: 7 })
  assert.deepEqual([running.output().toString(), running.errors()], ['a b --x 500000\n', 'oh\n'])
  const common = await outcome("console.log(typeof require('node:fs').readFileSync)", { language: 'cjs' })
  assert.deepEqual([common.end, common.output], [{ code: 0 }, 'function\n'])
  const thrown = await outcome("throw new Error('mine')")
  assert.deepEqual(thrown.end, { code: 1 })
  assert.match(thrown.errors, /Error: mine/)
  assert.match((await outcome('const = 1')).errors, /Expected ident|SyntaxError/)
})

test('a script has nothing but what was asked for, and an empty folder that goes with it', async t => {
  using folder = makeScratchFolder()
  const { outcome } = await openRig(t)
  mkdirSync(join(folder.path, 'given'))
  writeFileSync(join(folder.path, 'given', 'a'), 'readable')
  writeFileSync(join(folder.path, 'secret'), 'secret')
  const source = `
    import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
    const attempt = (what: () => unknown) => { try { return String(what()) } catch (e) { return e.code } }
    writeFileSync('mine', 'x')
    const [given, secret] = process.argv.slice(2)
    console.log(JSON.stringify([
      readdirSync('.'), attempt(() => readFileSync(given + '/a')), attempt(() => writeFileSync(given + '/b', '')),
      attempt(() => readFileSync(secret)), attempt(() => process.env.HOME), process.cwd(),
    ]))
    const closed = await import('node:child_process').then(() => 'open', e => e.code)
    const net = await fetch('http://127.0.0.1:1/').then(() => 'open', e => e.message)
    console.log(closed, net)`
  const given = join(folder.path, 'given')
  const args = [given, join(folder.path, 'secret')]
  const without = await outcome(source, { args })
  const [line = '', network = ''] = without.output.split('\n')
  const [files, a, , secret, home, cwd] = JSON.parse(line) as string[]
  assert.deepEqual(files, ['mine'])
  assert.match(`${a} ${secret}`, /^(?:ERR_ACCESS_DENIED|ENOENT) (?:ERR_ACCESS_DENIED|ENOENT)$/)
  assert.notEqual(home, process.env.HOME)
  assert.match(network, /^ERR_ACCESS_DENIED Cannot reach .*not granted/)
  assert.equal(existsSync(cwd ?? ''), false, 'its folder is gone')
  const withRead = await outcome(source, { args, grants: grants({ read: [given] }) })
  const [, read, written, still] = JSON.parse(withRead.output.split('\n')[0] ?? '') as string[]
  assert.deepEqual([read, readdirSync(given)], ['readable', ['a']])
  assert.match(`${written} ${still}`, /^(?:ERR_ACCESS_DENIED|EROFS) (?:ERR_ACCESS_DENIED|ENOENT)$/)
  await outcome(source, { args, grants: grants({ write: [given] }) })
  assert.deepEqual(readdirSync(given).sort(), ['a', 'b'])
})

test('what is granted is used through the agent: programs, and the network', async t => {
  const { outcome } = await openRig(t)
  const source = `
    import { run } from 'ztm/script'
    const said = await run('echo', ['from', 'outside']).then(r => r.output, e => e.code ?? e.message)
    console.log(said.trim())`
  const denied = await outcome(source)
  assert.match(denied.output, /denied|not granted/)
  assert.equal((await outcome(source, { grants: grants({ run: ['echo'] }) })).output, 'from outside\n')
})

test('scripts are killed by time, memory, their user, and when who ran them is gone', async t => {
  const { run, outcome, list, ask, near, far } = await openRig(t)
  const late = await outcome('setInterval(() => {}, 1000)', { timeoutMs: 1_500 })
  assert.match(JSON.stringify(late.end), /killed/)
  const greedy = await outcome(
    'const all: unknown[] = []; for (;;) all.push(new Array(1e5).fill(Math.random()))',
    {
      memoryMb: 64,
    },
  )
  assert.ok(!('code' in (greedy.end as object)) || (greedy.end as { code: number }).code !== 0)
  const endless = 'console.log("up"); for (;;) {}'
  const told = await run(endless)
  await until(() => told.output().includes('up'), 'it runs')
  const [info] = await list()
  assert.deepEqual([info?.run, info?.name, info?.user], [told.session, 'test.ts', 'root'])
  await ask(near, { kind: 'kill', run: told.session })
  assert.deepEqual(await told.ended, { killed: 'killed by root' })
  const interrupted = await run(endless)
  await until(() => interrupted.output().includes('up'), 'it runs')
  interrupted.send('signal', 'SIGINT')
  assert.deepEqual(await interrupted.ended, { killed: 'told to end' })
  const left = await run(endless)
  await until(() => left.output().includes('up'), 'it runs')
  left.stream.destroy()
  await until(async () => (await list()).length === 0, 'it was killed')
  assert.equal(far.log.fieldsOf('script.ended').length, 5)
})

test('others run nothing, until a rule lets them, and then no more than it says', async t => {
  const { outcome, run, guest, farApp, mesh, list } = await openRig(t)
  const source = "console.log('mine')"
  await assert.rejects(outcome(source, { from: guest }), { code: 'denied' })
  const rule = {
    users: [bob],
    groups: [],
    grants: grants({ run: ['uptime'] }),
    memoryMb: 64,
    timeoutMs: 5_000,
  }
  await farApp.call(SCRIPT_API.changeConfig, { params, body: { rules: [rule] } })
  const small = { from: guest, memoryMb: 64, timeoutMs: 5_000 }
  const first = await outcome(source, small).catch((error: MeshError) => error)
  if (first instanceof MeshError) {
    assert.equal(first.code, 'unsupported')
    return t.diagnostic(`no walls of the kernel here: ${first.message}`)
  }
  assert.equal(first.output, 'mine\n')
  await assert.rejects(outcome(source, { from: guest }), { code: 'denied' })
  await assert.rejects(outcome(source, { ...small, timeoutMs: 6_000 }), { code: 'denied' })
  await assert.rejects(outcome(source, { ...small, grants: grants({ read: ['/etc'] }) }), { code: 'denied' })
  const theirs = await run('console.log(1); setInterval(() => {}, 1000)', small)
  await until(() => theirs.output().length > 0, 'it runs')
  const own = await run('console.log(1); setInterval(() => {}, 1000)')
  await until(() => own.output().length > 0, 'it runs')
  assert.deepEqual(
    (await list(guest)).map(({ run: id }) => id),
    [theirs.session],
  )
  await farApp.call(SCRIPT_API.changeConfig, { params, body: { rules: [] } })
  assert.match(JSON.stringify(await theirs.ended), /who may run scripts/)
  assert.equal((await list()).length, 1)
  const ops = parseName('ops')
  await farApp.call(SCRIPT_API.changeConfig, {
    params,
    body: { rules: [{ ...rule, users: [], groups: [ops] }] },
  })
  await assert.rejects(outcome(source, small), { code: 'denied' })
  mesh.groups.set('bob', [ops])
  assert.equal((await outcome(source, small)).output, 'mine\n')
})

test('nobody is granted the keys of the agent, by whatever name', async t => {
  using folder = makeScratchFolder()
  const { outcome, near } = await openRig(t)
  const first = await outcome('console.log(process.cwd())')
  const state = join(first.output.trim(), '../../..')
  symlinkSync(state, join(folder.path, 'link'))
  for (const path of [state, join(state, 'scripts'), join(state, '..'), '/', join(folder.path, 'link')]) {
    await assert.rejects(outcome('', { grants: grants({ read: [path] }) }), { code: 'denied' }, path)
    await assert.rejects(outcome('', { grants: grants({ write: [path] }) }), { code: 'denied' }, path)
  }
  await assert.rejects(outcome('', { grants: grants({ read: ['/no/such/place'] }) }), { code: 'not-found' })
  await assert.rejects(outcome('', { grants: grants({ read: ['relative'] }) }), { code: 'bad-input' })
  assert.ok(near)
})

test('two runs of one script do not meet, output is not lost, and history tells of both', async t => {
  const { run, farApp, near } = await openRig(t)
  const source = `
    import { readdirSync, writeFileSync } from 'node:fs'
    writeFileSync('same-name', process.argv[2] ?? '')
    console.log(readdirSync('.').length)
    process.stdout.write('x'.repeat(3_000_000))`
  const both = await Promise.all(['1', '2'].map(one => run(source, { args: [one] })))
  for (const one of both) {
    assert.deepEqual(await one.ended, { code: 0 })
    assert.equal(one.output().length, 3_000_002)
    assert.equal(one.output().subarray(0, 2).toString(), '1\n')
  }
  const { runs } = await farApp.call(SCRIPT_API.listHistory, { params })
  assert.equal(runs.length, 2)
  assert.equal(runs[0]?.hash, runs[1]?.hash)
  for (const { user, endpoint, end, durationMs, name } of runs) {
    assert.deepEqual([user, endpoint, end, name], ['root', near.identity.endpoint, { code: 0 }, 'test.ts'])
    assert.ok(durationMs !== undefined)
  }
})

test('an endpoint runs no more scripts than it may, and waits for none that does not come', async t => {
  const { run, outcome, ask, near, mesh } = await openRig(t, { maxRunsPerUser: 1 })
  const busy = await run('console.log(1); setInterval(() => {}, 1000)')
  await until(() => busy.output().length > 0, 'it runs')
  await assert.rejects(outcome(''), { code: 'too-many' })
  const asked = ask(near, { kind: 'run', name: 'x', language: 'mjs', sourceBytes: 10 }, 'short')
  let isCutOff = false
  asked.catch(() => {
    isCutOff = true
  })
  await until(() => {
    mesh.timers.advance(SCRIPT_LIMITS.helloTimeoutMs)
    return isCutOff
  }, 'it is cut off')
})
