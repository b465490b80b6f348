import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { spawn as spawnTerminal } from '@lydell/node-pty'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

let lab: TunnelLab

before(async () => {
  lab = await createTunnelLab()
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

/** `ztm` at `work`, with bytes for its input. */
async function pipe(input: Uint8Array, ...words: string[]) {
  const [file = '', ...args] = lab.commandLine('work', ...words)
  const child = execFile(file, args, { encoding: 'buffer', maxBuffer: 100_000_000 })
  const [output, errors]: [Buffer[], Buffer[]] = [[], []]
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk))
  child.stdin?.end(input)
  const [code] = await once(child, 'close')
  return { code, output: Buffer.concat(output), errors: Buffer.concat(errors).toString() }
}

test('a command on another endpoint is a pipe: bytes, errors and exit code', async () => {
  const bytes = randomBytes(5_000_000)
  const hash = createHash('sha256').update(bytes).digest('hex')
  const sum = await pipe(bytes, 'terminal', 'open', 'home', '--', 'sha256sum')
  assert.deepEqual([sum.code, sum.output.toString().split(' ')[0]], [0, hash], sum.errors)
  const copy = await pipe(bytes, 'terminal', 'open', 'home', '--', 'cat')
  assert.ok(copy.output.equals(bytes), copy.errors)
  const failed = await pipe(
    Buffer.alloc(0),
    'terminal',
    'open',
    'home',
    '--',
    'sh',
    '-c',
    'echo no >&2; exit 7',
  )
  assert.deepEqual([failed.code, failed.output.length, failed.errors], [7, 0, 'no\n'])
  const missing = await pipe(Buffer.alloc(0), 'terminal', 'open', 'home', '--', '/no/such/program')
  assert.match(missing.errors, /there is no such program/)
})

test('a tree goes through tar here and tar there as it is', async () => {
  const [from, to] = [join(lab.folder, 'tree'), join(lab.folder, 'copy')]
  await mkdir(join(from, 'deep', 'ünder'), { recursive: true })
  await mkdir(to)
  await writeFile(join(from, 'deep', 'ünder', 'large'), randomBytes(3_000_000))
  await writeFile(join(from, 'script'), '#!/bin/sh\n', { mode: 0o755 })
  const packed = await new Promise<Buffer>((resolve, reject) =>
    execFile('tar', ['c', '-C', from, '.'], { encoding: 'buffer', maxBuffer: 1e8 }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    ),
  )
  const sent = await pipe(packed, 'terminal', 'open', 'home', '--', 'tar', 'x', '-C', to)
  assert.equal(sent.code, 0, sent.errors)
  const fetched = await pipe(
    Buffer.alloc(0),
    'terminal',
    'open',
    'home',
    '--',
    'tar',
    'c',
    '-C',
    to,
    '--sort=name',
    '.',
  )
  const again = execFileSync('tar', ['c', '-C', from, '--sort=name', '.'], { maxBuffer: 1e8 })
  assert.ok(fetched.output.equals(again), fetched.errors)
})

test('a port here leads to one there, with both ends of a connection', async t => {
  const server = createServer({ allowHalfOpen: true }, socket => {
    let text = ''
    socket.on('data', chunk => {
      text += String(chunk)
    })
    socket.once('end', () => socket.end(`heard ${text}`))
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const words = ['terminal', 'open', 'home', '-N', '-L', `0:127.0.0.1:${port}`, '-L', '0:127.0.0.1:1']
  const [file = '', ...args] = lab.commandLine('work', ...words)
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => child.kill())
  let said = ''
  child.stderr.on('data', chunk => {
    said += String(chunk)
  })
  await until(() => /:1\n/.test(said), 'both ports are open')
  const ports = [...said.matchAll(/127\.0\.0\.1:(\d+) leads to/g)].map(([, text]) => Number(text))
  const ask = async (at: number | undefined) => {
    const socket = connect({ port: at ?? 0, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => {})
    socket.end('hello')
    let answer = ''
    socket.on('data', chunk => {
      answer += String(chunk)
    })
    await new Promise(resolve => socket.once('close', resolve))
    return answer
  }
  assert.deepEqual(await Promise.all([ask(ports[0]), ask(ports[0])]), ['heard hello', 'heard hello'], said)
  assert.equal(await ask(ports[1]), '')
  await until(() => /Cannot connect to 127\.0\.0\.1:1/.test(said), 'it says why not')
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
})

/** `ztm terminal …` at `work`, in a window. */
function openWindow(...words: string[]) {
  const [file = '', ...args] = lab.commandLine('work', 'terminal', ...words)
  const window = spawnTerminal(file, args, { cols: 91, rows: 33, name: 'xterm' })
  let shown = ''
  window.onData(text => {
    shown += text
  })
  const ended = new Promise<number>(resolve => window.onExit(({ exitCode }) => resolve(exitCode)))
  return {
    window,
    ended,
    shown: () => shown,
    shows: (text: string) => until(() => shown.includes(text), text),
  }
}

const sessionsAtHome = async () =>
  (await lab.json('work', 'terminal', 'get', 'home')) as { id: string; isAttached: boolean }[]

test('a terminal on another endpoint outlives the window it was opened in', async () => {
  const cast = join(lab.folder, 'first.cast')
  const first = openWindow('open', 'home', '--record', cast, '--', 'sh')
  first.window.write('echo $((6*7)) $(stty size)\r')
  await first.shows('42 33 91')
  first.window.kill('SIGKILL')
  await first.ended
  await until(async () => (await sessionsAtHome())[0]?.isAttached === false, 'the session waits')
  const [session] = await sessionsAtHome()
  const second = openWindow('attach', 'home', session?.id ?? '')
  await second.shows('42 33 91')
  second.window.write('exit 4\r')
  assert.equal(await second.ended, 4)
  assert.deepEqual(await sessionsAtHome(), [])
  assert.match(await lab.run('work', 'terminal', 'play', cast, '--speed', '100'), /42 33 91/)
})

test('a terminal is left, shown, searched, and looked at by a link', async () => {
  const first = openWindow('open', 'home', '--', 'sh')
  first.window.write('echo $((6*7))needle\r')
  await first.shows('42needle')
  first.window.write('\r~.')
  assert.equal(await first.ended, 0)
  assert.match(first.shown(), /come back with `ztm terminal attach home [0-9a-f]{16}`/)
  const [session] = await sessionsAtHome()
  const id = session?.id ?? ''
  assert.match(await lab.run('work', 'terminal', 'show', 'home', id), /42needle$/m)
  assert.match(
    await lab.run('work', 'terminal', 'show', 'home', id, '--search', 'NEEDLE'),
    /\d: .*42needle\n/,
  )
  const { link } = (await lab.json('work', 'terminal', 'share', 'home', id)) as { link: string }
  const looking = openWindow('attach', link)
  await looking.shows('42needle')
  const second = openWindow('attach', 'home', id)
  await second.shows('42needle')
  looking.window.write('echo not$((1+1))typed\r')
  second.window.write('echo $((7*7))typed\r')
  await looking.shows('49typed')
  assert.doesNotMatch(second.shown(), /not2typed/)
  looking.window.write('\u0003')
  await looking.ended
  second.window.write('exit 3\r')
  assert.equal(await second.ended, 3)
  const history = (await lab.json('work', 'terminal', 'history', 'home')) as {
    session: string
    end?: unknown
  }[]
  assert.deepEqual(history.find(one => one.session === id)?.end, { code: 3 })
})

test('an endpoint records its terminals, and its owner fetches what was recorded', async () => {
  const folder = join(lab.folder, 'casts')
  await mkdir(folder)
  assert.match(
    await lab.run('work', 'ep', 'home', 'terminal', 'config', '--record', folder),
    /Recorded: +in .*casts/,
  )
  const window = openWindow('open', 'home', '--', 'echo', 'for the record')
  assert.equal(await window.ended, 0)
  assert.match(window.shown(), /this session is recorded at the endpoint/)
  const list = async () =>
    (await lab.json('work', 'terminal', 'recordings', 'home')) as { session: string; isOpen: boolean }[]
  await until(async () => (await list())[0]?.isOpen === false, 'it is written')
  const id = (await list())[0]?.session ?? ''
  const file = join(lab.folder, 'fetched.cast')
  await lab.run('work', 'terminal', 'fetch', 'home', id, file)
  assert.match(await lab.run('work', 'terminal', 'play', file, '--speed', '100'), /for the record/)
  await lab.run('work', 'terminal', 'erase', 'home', id)
  assert.deepEqual(await list(), [])
})
