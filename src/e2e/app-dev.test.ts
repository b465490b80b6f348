import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { socketPath } from '../store/socket-path.ts'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'

const BOARD = join(import.meta.dirname, '../../examples/board')
let lab: TunnelLab

before(async () => {
  lab = await createTunnelLab()
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

/** `ztm app dev` at an agent. */
interface Dev extends AsyncDisposable {
  /** The next line of that kind. */
  next(say: string): Promise<Record<string, string>>
  /** Ask the app, at the address that was said last. */
  ask(path?: string, init?: RequestInit): Promise<Response>
}

async function develop(data: string, folder: string): Promise<Dev> {
  const [file = '', ...args] = lab.commandLine(data, 'app', 'dev', folder, '-o', 'json')
  const child: ChildProcess = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  let url = new URL('http://localhost')
  return {
    async next(say) {
      for (;;) {
        const { value, done } = await lines.next()
        assert.ok(done !== true, `it ended without: ${say}`)
        const line = JSON.parse(value as string) as Record<string, string>
        if (line.url !== undefined) url = new URL(line.url)
        if (line.say === say) return line
      }
    },
    ask(path = '/', init = {}) {
      const headers = { authorization: `Bearer ${url.searchParams.get('key')}` }
      return fetch(new URL(`/api${path}`, url), { headers, ...init })
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT')
      await once(child, 'exit')
    },
  }
}

test('an app runs from its folder at two agents, and each reads what the other wrote', async () => {
  await using home = await develop('home', BOARD)
  await using work = await develop('work', BOARD)
  const running = await home.next('running')
  assert.equal(running.app, 'root/board')
  await work.next('running')
  assert.equal((await home.ask('/', { method: 'POST', body: 'milk' })).status, 201)
  await work.ask('/', { method: 'POST', body: 'bread' })
  const notes = (await (await work.ask()).json()) as { value: { text: string; by: string } }[]
  assert.deepEqual(notes.map(({ value }) => `${value.by}: ${value.text}`).sort(), [
    'home: milk',
    'work: bread',
  ])
})

test('an app starts again when its folder changes, says what is wrong, and lets nobody in without the key', async () => {
  const folder = join(lab.folder, 'changing')
  await cp(BOARD, folder, { recursive: true })
  const file = join(folder, 'app.ts')
  const source = await readFile(file, 'utf8')
  await using dev = await develop('home', folder)
  await dev.next('running')
  await writeFile(file, `throw new Error('half written')\n${source}`)
  assert.match((await dev.next('failed')).error ?? '', /half written/)
  await writeFile(file, `console.log('second edition')\n${source}`)
  await dev.next('running')
  assert.equal((await dev.ask()).status, 200)
  assert.equal((await dev.ask('/', { headers: {} })).status, 401)
  const elsewhere = { authorization: 'Bearer x', origin: 'https://evil.example' }
  assert.equal((await dev.ask('/', { headers: elsewhere })).status, 403)
})

test('commands of an app are tried from another shell while it is developed, and are those of its folder now', async () => {
  const folder = join(lab.folder, 'commanded')
  await cp(BOARD, folder, { recursive: true })
  const manifest = JSON.parse(await readFile(join(folder, 'app.json'), 'utf8')) as object
  await writeFile(join(folder, 'app.json'), JSON.stringify({ ...manifest, name: 'commanded', cli: 'cli.ts' }))
  const write = (edition: string) =>
    writeFile(
      join(folder, 'cli.ts'),
      `import { text } from 'node:stream/consumers'
       import { args, fetch } from 'ztm/cli'
       const answer = await fetch('/', { method: 'POST', body: await text(process.stdin) })
       console.log('${edition}', args.join('+'), (await answer.json()).text)
       process.exit(3)`,
    )
  await write('first')
  const tryIt = (...words: string[]) =>
    lab.ztm('home', ['app', 'run', folder, '--', ...words], { input: 'milk' })
  const before = await tryIt('add')
  assert.match(before.stderr, /nobody develops it/)
  await using dev = await develop('home', folder)
  await dev.next('running')
  const first = await tryIt('add', '--all')
  assert.deepEqual([first.code, first.stdout], [3, 'first add+--all milk\n'], first.stderr)
  await write('second')
  await dev.next('running')
  assert.equal((await tryIt('add')).stdout, 'second add milk\n')
  // While it is broken, that is said.
  const source = await readFile(join(folder, 'app.ts'), 'utf8')
  await writeFile(join(folder, 'app.ts'), `throw new Error('half written')\n${source}`)
  await dev.next('failed')
  const broken = await tryIt('add')
  assert.equal(broken.stdout, '')
  assert.match(broken.stderr, /does not run/)
})

test('a new app passes its own tests', async () => {
  const folder = join(lab.folder, 'fresh')
  await lab.run('work', 'app', 'init', folder)
  const { code, stdout, stderr } = await lab.ztm('work', ['app', 'test', folder])
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /pass 1/)
  const again = await lab.ztm('work', ['app', 'init', folder])
  assert.match(again.stderr, /has files of an app already/)
})

/** Ask an installed app over the socket of its agent. */
function askInstalled(data: string, method: string, body = ''): Promise<string> {
  const socket = socketPath(join(lab.folder, data), 'agent')
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: socket, path: '/api/meshes/home/apps/root/board/', method },
      answer => {
        text(answer).then(resolve, reject)
      },
    )
    asked.once('error', reject)
    asked.end(body)
  })
}

test('the example app is published at one agent, installed and used at another', async () => {
  await lab.run('home', 'publish', 'app', BOARD)
  for (const data of ['home', 'work']) await lab.run(data, 'install', 'app', 'root/board', '--yes')
  await askInstalled('home', 'POST', 'milk')
  await askInstalled('work', 'POST', 'bread')
  const notes = JSON.parse(await askInstalled('work', 'GET')) as { value: { text: string; by: string } }[]
  assert.deepEqual(notes.map(({ value }) => `${value.by}: ${value.text}`).sort(), [
    'home: milk',
    'work: bread',
  ])
  assert.equal(
    await lab.run('work', 'app', 'settings', 'root/board', 'color=red'),
    'color=red\nReached by: your own endpoints\n',
  )
})
