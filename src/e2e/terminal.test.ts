import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
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

test('a terminal on another endpoint outlives the window it was opened in', async () => {
  const open = (...words: string[]) => {
    const [file = '', ...args] = lab.commandLine('work', 'terminal', ...words)
    const window = spawnTerminal(file, args, { cols: 91, rows: 33, name: 'xterm' })
    let shown = ''
    window.onData(text => {
      shown += text
    })
    const ended = new Promise<number>(resolve => window.onExit(({ exitCode }) => resolve(exitCode)))
    return { window, ended, shows: (text: string) => until(() => shown.includes(text), text) }
  }
  const cast = join(lab.folder, 'first.cast')
  const first = open('open', 'home', '--record', cast, '--', 'sh')
  first.window.write('echo $((6*7)) $(stty size)\r')
  await first.shows('42 33 91')
  first.window.kill('SIGKILL')
  await first.ended
  const list = async () =>
    (await lab.json('work', 'terminal', 'get', 'home')) as { id: string; isAttached: boolean }[]
  await until(async () => (await list())[0]?.isAttached === false, 'the session waits')
  const [session] = await list()
  const second = open('attach', 'home', session?.id ?? '')
  await second.shows('42 33 91')
  second.window.write('exit 4\r')
  assert.equal(await second.ended, 4)
  assert.deepEqual(await list(), [])
  assert.match(await lab.run('work', 'terminal', 'play', cast, '--speed', '100'), /42 33 91/)
})
