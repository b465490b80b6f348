import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

let lab: TunnelLab

before(async () => {
  lab = await createTunnelLab()
  await lab.join('third')
  await Promise.all(['home', 'third'].map(name => lab.run(name, 'label', '--add', 'web')))
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

interface Result {
  readonly endpoint: string
  readonly end?: { readonly code?: number; readonly killed?: string }
  readonly error?: { readonly code: string }
  readonly output?: string
}

async function write(name: string, source: string): Promise<string> {
  const file = join(lab.folder, name)
  await writeFile(file, source)
  return file
}

test('a script runs at one endpoint as if it were here: input, output, arguments, exit code', async () => {
  const file = await write(
    'count.ts',
    `// ${'long '.repeat(60_000)}
     let count: number = 0
     for await (const chunk of process.stdin) count += chunk.length
     console.log(count, process.argv.slice(2).join())
     console.error('done')
     process.exit(3)`,
  )
  const input = 'x'.repeat(200_000)
  const ran = await lab.ztm('work', ['script', file, '--ep', 'home', '--', 'a', '--b'], { input })
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [3, '200000 a,--b\n', 'done\n'])
  const piped = await lab.ztm('work', ['ep', 'home', 'script', '-'], { input: "console.log('from a pipe')" })
  assert.deepEqual([piped.code, piped.stdout], [0, 'from a pipe\n'], piped.stderr)
  const offline = await lab.ztm('work', ['script', file, '--ep', 'nowhere'])
  assert.match(offline.stderr, /nowhere/)
  assert.notEqual(offline.code, 0)
})

test('a script runs on three endpoints at once, of which one fails and one is offline', async () => {
  await lab.join('gone')
  for (const daemon of [...lab.daemons].filter(({ name }) => name === 'gone')) await daemon.stop()
  const file = await write('fail.mjs', "console.log('hello'); process.exitCode = 5")
  const several = ['script', file, '--ep', 'home', 'third', 'gone', '--timeout', '1m']
  const ran = await lab.ztm('work', several)
  assert.equal(ran.code, 1)
  assert.deepEqual(ran.stdout.trimEnd().split('\n').sort(), ['home  | hello', 'third | hello'])
  assert.match(ran.stderr, /^home +failed +5 /m)
  assert.match(ran.stderr, /^gone +failed +- /m)
  const good = await write('good.mjs', "console.log('well')")
  const json = await lab.ztm('work', ['script', good, '--ep', 'home', 'third', 'gone', '-o', 'json'])
  const results = JSON.parse(json.stdout) as Result[]
  assert.deepEqual(
    results.map(({ endpoint, end, output }) => [endpoint, end?.code, output]),
    [
      ['home', 0, 'well\n'],
      ['third', 0, 'well\n'],
      ['gone', undefined, undefined],
    ],
  )
  assert.equal(json.code, 1)
  const labelled = (await lab.json('work', 'script', good, '--label', 'web')) as Result[]
  assert.deepEqual(labelled.map(({ endpoint }) => endpoint).sort(), ['home', 'third'])
})

test('a script is held to its time, ended by Ctrl-C everywhere, and leaves nothing', async () => {
  const file = await write('endless.ts', "console.log('up'); setInterval(() => {}, 1000)")
  const late = await lab.ztm('work', ['script', file, '--ep', 'home', '--timeout', '2s'])
  assert.equal(late.code, 137)
  assert.match(late.stderr, /killed: it ran for 2 s/)
  const [program = '', ...args] = lab.commandLine('work', 'script', file, '--ep', 'home', 'third')
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let shown = ''
  child.stdout.on('data', chunk => {
    shown += String(chunk)
  })
  await until(() => shown.split('up').length === 3, 'it runs on both')
  const running = (await lab.json('work', 'script', 'get', 'home')) as { name: string }[]
  assert.deepEqual(
    running.map(({ name }) => name),
    ['endless.ts'],
  )
  child.kill('SIGINT')
  const code = await new Promise(resolve => child.once('exit', resolve))
  assert.equal(code, 1)
  await until(
    async () => ((await lab.json('work', 'script', 'get', 'home')) as unknown[]).length === 0,
    'it is gone',
  )
  const history = (await lab.json('work', 'script', 'history', 'home')) as { name: string; user: string }[]
  assert.deepEqual([history[0]?.name, history[0]?.user], ['endless.ts', 'root'])
  assert.deepEqual(readdirSync(join(lab.folder, 'home', 'scripts')), [])
})

test('an owner lets others run scripts, line by line', async () => {
  const show = await lab.run('work', 'ep', 'home', 'script', 'config')
  assert.match(show, /Others: +nobody/)
  await lab.run(
    ...([
      'work',
      'ep',
      'home',
      'script',
      'config',
      '--allow-user',
      'bob',
      '--grant',
      'read:/etc/hostname',
    ] as const),
  )
  assert.match(await lab.run('work', 'ep', 'home', 'script', 'config'), /bob: read:\/etc\/hostname/)
  await lab.run('work', 'ep', 'home', 'script', 'config', '--forbid-user', 'bob')
  assert.match(await lab.run('work', 'ep', 'home', 'script', 'config'), /Others: +nobody/)
})
