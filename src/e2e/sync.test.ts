import assert from 'node:assert/strict'
import { type ChildProcess, execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { spawn as spawnTerminal } from '@lydell/node-pty'
import { type CopyEvent, copyEventShape } from '../core/files/copy-request.ts'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

let lab: TunnelLab
let near: string
let far: string

before(async () => {
  lab = await createTunnelLab()
  near = join(lab.folder, 'near')
  far = join(lab.folder, 'far')
  mkdirSync(near)
  mkdirSync(far)
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

/** `ztm` at `work`, and the events that it tells a program. */
function start(...words: string[]): { child: ChildProcess; events: CopyEvent[]; ended: Promise<number> } {
  const [file = '', ...args] = lab.commandLine('work', ...words)
  const child = execFile(file, args, { maxBuffer: 100_000_000 })
  const events: CopyEvent[] = []
  let text = ''
  child.stdout?.on('data', (chunk: string) => {
    text += chunk
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    events.push(...lines.map(line => copyEventShape.parse(JSON.parse(line))))
  })
  return { child, events, ended: once(child, 'close').then(([code]) => code as number) }
}

test('files go to another endpoint and back, with lines of JSON for a program', async () => {
  mkdirSync(join(near, 'tree/deep/ünder'), { recursive: true })
  const bytes = randomBytes(3_000_000)
  writeFileSync(join(near, 'tree/deep/ünder/large'), bytes, { mode: 0o640 })
  for (let i = 0; i < 200; i++) writeFileSync(join(near, 'tree/deep', `${i}`), `${i}`)
  const there = start('file', 'cp', join(near, 'tree'), `home:${far}/tree`)
  assert.equal(await there.ended, 0)
  assert.equal(there.events.at(-1)?.event, 'ended')
  assert.ok(readFileSync(join(far, 'tree/deep/ünder/large')).equals(bytes))
  assert.equal(statSync(join(far, 'tree/deep/ünder/large')).mode & 0o777, 0o640)
  await lab.run('work', 'file', 'cp', `home:${far}/tree/`, join(near, 'back'))
  assert.equal(readdirSync(join(near, 'back'), { recursive: true }).length, 203)
  const listed = (await lab.json('work', 'file', 'ls', `home:${far}/tree/deep`)) as { name: string }[]
  assert.equal(listed.length, 201)
  const missing = start('file', 'cp', `home:${far}/nothing`, near)
  assert.equal(await missing.ended, 3)
})

test('one that may not be copied does not keep the rest from going, and the exit code says so', async () => {
  mkdirSync(join(near, 'mixed'))
  writeFileSync(join(near, 'mixed/good'), 'good')
  symlinkSync('/etc/shadow', join(near, 'mixed/bad'))
  const { ended, events } = start('file', 'cp', join(near, 'mixed'), `home:${far}/mixed`)
  assert.equal(await ended, 4)
  assert.ok(events.some(event => event.event === 'failed' && event.path === 'mixed/bad'))
  assert.deepEqual(readdirSync(join(far, 'mixed')), ['good'])
})

test('a copy outlives a kill of the agent it goes to, and sends no more than a piece again', async () => {
  const bytes = randomBytes(40_000_000)
  writeFileSync(join(near, 'large'), bytes)
  const { events, ended } = start(
    'file',
    'cp',
    join(near, 'large'),
    `home:${far}/large`,
    '--limit-mbps',
    '160',
  )
  await until(
    () => events.some(event => event.event === 'progress' && event.doneBytes > 8_000_000),
    'some went',
  )
  await [...lab.daemons].find(({ name }) => name === 'home')?.stop('SIGKILL')
  assert.ok(!existsSync(join(far, 'large')))
  await lab.startAgent('home')
  assert.equal(await ended, 0)
  assert.ok(readFileSync(join(far, 'large')).equals(bytes))
  const last = events.at(-1)
  assert.ok(last?.event === 'ended' && last.sentBytes <= bytes.length + 1_048_576, JSON.stringify(last))
  assert.deepEqual(
    readdirSync(far).filter(name => name.startsWith('.')),
    [],
  )
})

test('a large file comes back from another endpoint as it is', async () => {
  await lab.run('work', 'file', 'cp', `home:${far}/large`, join(near, 'large-back'))
  assert.ok(readFileSync(join(near, 'large-back')).equals(readFileSync(join(far, 'large'))))
})

test('in a terminal a bar tells how far it is, how fast, and how long it takes', async () => {
  const words = ['file', 'cp', join(near, 'large'), `home:${far}/shown`, '--limit-mbps', '100']
  const [file = '', ...args] = lab.commandLine('work', ...words)
  const terminal = spawnTerminal(file, args, { cols: 120, rows: 30, cwd: lab.folder })
  let output = ''
  terminal.onData(text => {
    output += text
  })
  const { exitCode } = await new Promise<{ exitCode: number }>(resolve => terminal.onExit(resolve))
  assert.equal(exitCode, 0, output)
  assert.match(output, /\[#+\.+\] +\d+ % {2}[\d.]+ MB of 40\.0 MB {2}.*[\d.]+ MB\/s {2}0:\d\d left/)
  assert.match(output, /Copied 1 file, 40\.0 MB/)
})

test('Ctrl-C ends a copy and leaves nothing half', async () => {
  writeFileSync(join(near, 'half'), randomBytes(30_000_000))
  const { child, events, ended } = start(
    'file',
    'cp',
    join(near, 'half'),
    `home:${far}/half`,
    '--limit-mbps',
    '80',
  )
  await until(() => events.some(event => event.event === 'progress'), 'some went')
  child.kill('SIGINT')
  assert.equal(await ended, 130)
  await until(() => readdirSync(far).every(name => !name.startsWith('.')), 'the part is gone')
  assert.ok(!existsSync(join(far, 'half')))
})

test('a mirror keeps two folders equal, also after its agent was killed', async () => {
  const [here, there] = [join(near, 'm'), join(far, 'm')]
  mkdirSync(here)
  writeFileSync(join(here, 'a'), 'one')
  await lab.run('work', 'file', 'mirror', here, '--to', `home:${there}`, '--ignore', '*.tmp')
  await until(() => existsSync(join(there, 'a')), 'the first file is there')
  writeFileSync(join(there, 'b'), 'from there')
  writeFileSync(join(here, 'x.tmp'), 'ignored')
  await until(() => existsSync(join(here, 'b')), 'the second file is here')
  await [...lab.daemons].find(({ name }) => name === 'work')?.stop('SIGKILL')
  writeFileSync(join(there, 'a'), 'changed meanwhile')
  await lab.startAgent('work')
  await until(() => readFileSync(join(here, 'a'), 'utf8') === 'changed meanwhile', 'the change is here')
  assert.ok(!existsSync(join(there, 'x.tmp')))
  const state = async () => ((await lab.json('work', 'file', 'mirror', 'm')) as { state: string }).state
  await until(async () => (await state()) === 'in sync', 'it is in sync')
  assert.match(await lab.run('work', 'file', 'mirror'), /m +.* in sync/)
  await lab.run('work', 'file', 'mirror', 'm', '--pause', '--limit-mbps', '8')
  assert.equal(await state(), 'paused')
  await lab.run('work', 'file', 'mirror', 'm', '--stop')
  assert.deepEqual(await lab.json('work', 'file', 'mirror'), [])
})

test('folders are granted to others by name, listed and taken back', async () => {
  mkdirSync(join(far, 'shared'))
  const granted = await lab.run(
    'work',
    'ep',
    'home',
    'file',
    'grant',
    join(far, 'shared'),
    '--user',
    'alice',
    '--write',
  )
  assert.match(granted, /shared +read and write +alice/)
  assert.equal(((await lab.json('home', 'file', 'grant')) as unknown[]).length, 1)
  await lab.run('home', 'file', 'grant', join(far, 'shared'), '--remove')
  assert.deepEqual(await lab.json('home', 'file', 'grant'), [])
})
