import assert from 'node:assert/strict'
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fetchPage, startPage } from '../testing/page.ts'
import { type CommandResult, createProcessMesh, type ProcessMesh } from '../testing/process-mesh.ts'
import { execute } from '../testing/programs.ts'
import { inboundPort } from '../testing/tunnel-lab.ts'

// A whole life of a mesh at log level debug: what was said meanwhile, anywhere, holds no secret.

let mesh: ProcessMesh
/** An empty HOME and an empty temporary folder: nobody has any business there. */
let elsewhere = ''
/** What was printed, logged, measured and shown in the list of processes, by where. */
const said = new Map<string, string>()
const joins: CommandResult[] = []

before(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), 'ztm-elsewhere-'))
  const [home, temporary] = [join(elsewhere, 'home'), join(elsewhere, 'tmp')]
  await Promise.all([mkdir(home), mkdir(temporary)])
  mesh = await createProcessMesh({ env: { HOME: home, TMPDIR: temporary } })
  await live()
})

after(async () => {
  await mesh[Symbol.asyncDispose]()
  await rm(elsewhere, { recursive: true })
})

test('the run did what it was meant to: joins that succeed, joins that fail for each reason', () => {
  assert.deepEqual(
    joins.map(({ code }) => code),
    [0, 0, 0, 4, 4, 2, 2, 4],
    joins.map(({ stderr }) => stderr).join(''),
  )
  for (const [place, words] of [
    ['hub.log', /"event":"enrolment\.refused"/],
    ['home.log', /"debug".*session\.accepted/],
    ['hub /metrics', /^ztm_/m],
    ['home /metrics', /^ztm_/m],
    ['ps', /run agent --data \S+home/],
  ] as const)
    assert.match(said.get(place) ?? '', words, place)
})

test('no log, output, metric or command line holds a key, a token or a ticket', async () => {
  const secrets = await collectSecrets()
  const found = (text: string) =>
    [...secrets].flatMap(([secret, name]) => (text.includes(secret) ? [name] : []))
  // Would one be found? The permit holds some.
  assert.ok(found((await readFile(mesh.permit, 'utf8')).replaceAll('\\n', '\n')).length > 1)
  for (const [place, text] of said) {
    assert.ok(text.length > 0, `${place} is empty`)
    assert.deepEqual(found(text), [], place)
    // Tickets are never stored: relay tickets are 43 such characters, session tickets longer.
    const long = /[\w-]{40,}/.exec(text.replaceAll(mesh.folder, ''))?.[0]
    assert.equal(long, undefined, `${place} holds what looks like a ticket`)
  }
})

test('state folders are of mode 0700, and what is in them 0600', async () => {
  const wrong: string[] = []
  let count = 0
  for (const data of ['hub', 'home', 'bob', 'carol']) {
    const folder = join(mesh.folder, data)
    const names = await readdir(folder, { recursive: true })
    for (const path of [folder, ...names.map(name => join(folder, name))]) {
      const stats = await lstat(path)
      const wanted = stats.isDirectory() ? 0o700 : 0o600
      count += 1
      if ((stats.mode & 0o777) !== wanted) wrong.push(`${path}: ${(stats.mode & 0o777).toString(8)}`)
    }
  }
  for (const permit of ['root.json', 'bob.json', 'bound.json', 'rotated.json']) {
    const { mode } = await lstat(join(mesh.folder, permit))
    if ((mode & 0o777) !== 0o600) wrong.push(`${permit}: ${(mode & 0o777).toString(8)}`)
  }
  assert.deepEqual(wrong, [])
  assert.ok(count > 20)
})

test('nothing was written outside the state folders', async () => {
  assert.deepEqual(await readdir(elsewhere, { recursive: true }), ['home', 'tmp'])
})

/** Joins that succeed and fail, invitations, a tunnel, an eviction; then everything that was said is kept. */
async function live(): Promise<void> {
  const args = ['--log-level', 'debug']
  await Promise.all([
    mesh.startHub({ args }),
    ...['home', 'bob', 'carol', 'guest'].map(name => mesh.startAgent(name, { args })),
  ])
  const watching = watchProcesses()
  await tryJoin('home', mesh.permit)
  await Promise.all([
    mesh.run('home', 'invite', 'bob', '--permit', join(mesh.folder, 'bob.json')),
    mesh.run('home', 'invite', 'dave', '--permit', join(mesh.folder, 'dave.json')),
    writeFile(join(mesh.folder, 'home.pem'), await mesh.run('home', 'identity')),
  ])
  const identity = join(mesh.folder, 'home.pem')
  await mesh.run(
    'home',
    'invite',
    'erin',
    '--identity',
    identity,
    '--permit',
    join(mesh.folder, 'bound.json'),
  )
  const { link } = (await mesh.json('home', 'invite', 'carol')) as { link: string }
  await writeFile(join(mesh.folder, 'carol.link'), link)
  await tryJoin('bob', join(mesh.folder, 'bob.json'))
  await tryJoin('carol', '-', link)
  await tryJoin('guest', join(mesh.folder, 'bob.json'))
  await tryJoin('guest', join(mesh.folder, 'bound.json'))
  await tryJoin(
    'guest',
    await spoil('dave.json', permit => ({ ...permit, token: `${permit.token.slice(0, -4)}AAAA` })),
  )
  await writeFile(join(mesh.folder, 'cut.json'), (await readFile(mesh.permit)).subarray(0, -40))
  await tryJoin('guest', join(mesh.folder, 'cut.json'))
  await mesh.run('hub', 'permit', '--new', '--permit', join(mesh.folder, 'rotated.json'))
  await tryJoin('guest', mesh.permit)
  await useTunnel()
  await mesh.run('home', 'evict', 'carol')
  await watching.stop()
  await collect()
}

async function tryJoin(name: string, permit: string, input = ''): Promise<void> {
  joins.push(await mesh.ztm(name, ['join', 'home', '--as', name, '--permit', permit], { input }))
}

/** A permit with something changed. @returns its file */
async function spoil(file: string, change: (permit: { token: string }) => object): Promise<string> {
  const spoiled = join(mesh.folder, 'spoiled.json')
  await writeFile(
    spoiled,
    JSON.stringify(change(JSON.parse(await readFile(join(mesh.folder, file), 'utf8')))),
  )
  return spoiled
}

async function useTunnel(): Promise<void> {
  await using page = await startPage('hello')
  await mesh.run('home', 'tunnel', 'open', 'outbound', 'tcp/web', '--targets', page.at, '--users', 'bob')
  await mesh.run('bob', 'tunnel', 'open', 'inbound', 'tcp/web', '--listen', '127.0.0.1:0')
  assert.equal(await fetchPage(await inboundPort(mesh, 'bob', 'tcp/web')), 'hello')
  await mesh.run('carol', 'tunnel', 'open', 'inbound', 'tcp/web', '--listen', '127.0.0.1:0')
  await assert.rejects(fetchPage(await inboundPort(mesh, 'carol', 'tcp/web')))
}

/** Look at the list of processes again and again while commands run. */
function watchProcesses(): { stop(): Promise<void> } {
  const lines = new Set<string>()
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      const { stdout } = await execute('ps', ['-ww', '-eo', 'args'])
      for (const line of stdout.split('\n')) if (line.includes(mesh.folder)) lines.add(line)
      await delay(50)
    }
  })()
  return {
    async stop() {
      isOver = true
      await watching
      said.set('ps', [...lines].join('\n'))
    },
  }
}

async function collect(): Promise<void> {
  for (const daemon of mesh.daemons) {
    const { name, role, data } = daemon
    said.set(`output of ${name}`, daemon.output())
    said.set(`${name}.log`, await readFile(join(data, `${role}.log`), 'utf8'))
    said.set(`${name} /metrics`, await fetchMetrics(join(data, `${role}.sock`)))
  }
  said.set('output of joins', joins.map(({ stdout, stderr }) => stdout + stderr).join(''))
  said.set('status', await mesh.run('home', 'status', '-o', 'json'))
  said.set('doctor', await mesh.run('home', 'doctor', '--permit', join(mesh.folder, 'rotated.json')))
}

function fetchMetrics(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/metrics' }, async response => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve(text)
    })
    asked.once('error', reject)
    asked.end()
  })
}

/** Every secret in the files of the mesh -> what it is. */
async function collectSecrets(): Promise<Map<string, string>> {
  const secrets = new Map<string, string>()
  for (const name of await readdir(mesh.folder, { recursive: true })) {
    const path = join(mesh.folder, name)
    if (name.endsWith('.log') || !(await lstat(path)).isFile()) continue
    // As JSON writes a PEM, its ends of line are \n in two characters.
    const text = (await readFile(path, 'latin1')).replaceAll('\\n', '\n')
    for (const [, body = ''] of text.matchAll(/-----BEGIN PRIVATE KEY-----([^-]+)-----END/g))
      for (const line of body.trim().split('\n')) secrets.set(line.slice(-24), `a line of the key in ${name}`)
    for (const [, token = ''] of text.matchAll(/"token": ?"([^"]+)"/g)) {
      secrets.set(token, `the token in ${name}`)
      // The first 16 characters are the invitation's id, which is no secret.
      secrets.set(token.slice(16), `the secret of the token in ${name}`)
    }
    if (name.endsWith('.token')) secrets.set(text.trim(), `the token in ${name}`)
    if (name.endsWith('.link')) secrets.set(text.slice(text.indexOf('#') + 17), `the secret in ${name}`)
  }
  return secrets
}
