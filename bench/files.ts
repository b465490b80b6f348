// `node bench/files.ts [--rounds 3] [--bytes 1000000000] [--count 10000] [--only 'scp,rsync,ztm direct'] [--program dist/ztm.mjs]`:
// figure P12.
// One large file, and a tree of many small ones, fetched from another endpoint of this computer, in turns: by scp and rsync over loopback, by rsync through
// a tunnel of the mesh, and from one or two holders by `ztm file get`. What publishing takes (it hashes everything once) is a row of its own.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createProcessMesh, type ProcessMesh } from '../src/testing/process-mesh.ts'
import { execute, startSshd } from '../src/testing/programs.ts'
import { inboundPort } from '../src/testing/tunnel-lab.ts'
import { median } from './figures.ts'
import { makeLargeFile, makeTree } from './file-tree.ts'
import { Notes, publish } from './running.ts'

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    bytes: { type: 'string', default: '1000000000' },
    count: { type: 'string', default: '10000' },
    only: { type: 'string' },
    program: { type: 'string' },
  },
})

/** A way to fetch `file` or `tree` into a folder. */
type Way = (what: 'file' | 'tree', to: string) => Promise<void>

const folder = await mkdtemp(join(tmpdir(), 'ztm-bench-'))
const source = join(folder, 'source')
const notes = new Notes<number>()
const ways = new Map<string, Way>()
const meshes = new Map<string, ProcessMesh>()
await using opened = new AsyncDisposableStack()
opened.defer(() => rm(folder, { recursive: true, force: true }))
await makeSource()
const sshd = opened.use(await startSshd(join(folder, 'sshd')))
addSsh('', () => sshd.port)
for (const path of ['relay', 'direct'] as const) {
  const mesh = opened.use(await openMesh(path))
  meshes.set(path, mesh)
  await mesh.run('home', 'tunnel', 'open', 'outbound', 'tcp/ssh', '--targets', `127.0.0.1:${sshd.port}`)
  await mesh.run('work', 'tunnel', 'open', 'inbound', 'tcp/ssh', '--listen', '127.0.0.1:0')
  const port = await inboundPort(mesh, 'work', 'tcp/ssh')
  addSsh(` through ztm ${path}`, () => port)
  for (const what of ['file', 'tree'] as const) {
    await notes.take(`publish ${path}|${what}`, () =>
      timed(() => mesh.run('home', 'file', 'publish', join(source, what), '--timeout', '30m')),
    )
  }
  ways.set(`ztm ${path}`, (what, to) => fetch(mesh, what, to))
  ways.set(`ztm ${path} twice`, (what, to) => fetch(mesh, what, to))
}
const chosen = [...ways.keys()].filter(name => typed.only?.split(',').includes(name) ?? true)
let isSecondHeld = false
for (const isTwo of [false, true]) {
  for (let round = 0; round < Number(typed.rounds); round += 1) {
    for (const name of chosen.filter(one => one.endsWith('twice') === isTwo)) {
      for (const what of ['file', 'tree'] as const) {
        const to = join(folder, `to-${name.replaceAll(/\W/g, '-')}-${what}`)
        await notes.take(`${name}|${what}`, () => timed(() => (ways.get(name) as Way)(what, to)))
        await rm(to, { recursive: true, force: true })
      }
    }
  }
  if (!isTwo && chosen.some(name => name.endsWith('twice'))) await holdTwice()
}
const published = ['publish relay', 'publish direct']
await publish(
  'files',
  `One file of ${typed.bytes} random bytes, and a tree of ${typed.count} files of 1 to 4 KiB, fetched over loopback; seconds with the start of the command, median of
${typed.rounds} rounds in turns. Mark (P12): the file at least as fast as rsync through the same path, the tree within 1.2 times of it.

| way | file, s | MB/s | tree, s | files/s |
| --- | ---: | ---: | ---: | ---: |
${[...chosen, ...published].map(rowOf).join('\n')}`,
)
console.log(isSecondHeld ? '' : 'bench: nobody was a second holder')

function rowOf(name: string): string {
  const [file, tree] = [median(notes.of(`${name}|file`)) / 1_000, median(notes.of(`${name}|tree`)) / 1_000]
  const speed = Number(typed.bytes) / 1e6 / file
  return `| ${name} | ${file.toFixed(2)} | ${speed.toFixed(0)} | ${tree.toFixed(2)} | ${(Number(typed.count) / tree).toFixed(0)} |`
}

async function makeSource(): Promise<void> {
  await mkdir(source)
  await makeLargeFile(join(source, 'file'), Number(typed.bytes))
  await makeTree(join(source, 'tree'), Number(typed.count))
}

function addSsh(suffix: string, port: () => number): void {
  const options = () => [...sshd.login, '-o', `Port=${port()}`]
  const whole = { maxBuffer: 1e8 }
  ways.set(`scp${suffix}`, async (what, to) => {
    await execute('scp', ['-q', '-r', '-p', ...options(), `127.0.0.1:${join(source, what)}`, to], whole)
  })
  ways.set(`rsync${suffix}`, async (what, to) => {
    const shell = ['ssh', ...options()].join(' ')
    await execute(
      'rsync',
      ['-a', '-e', shell, `127.0.0.1:${join(source, what)}${what === 'tree' ? '/' : ''}`, to],
      whole,
    )
  })
}

/** A hub, `home` that publishes, `second` that may hold a copy, and `work` that fetches. */
async function openMesh(path: 'relay' | 'direct'): Promise<ProcessMesh> {
  const mesh = await createProcessMesh(
    typed.program === undefined ? {} : { program: [process.execPath, resolve(typed.program)] },
  )
  await mesh.startHub()
  const args = path === 'relay' ? ['--path', 'relay'] : []
  for (const name of ['home', 'second', 'work']) {
    await mesh.startAgent(name, { args })
    await mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
  }
  return mesh
}

async function fetch(mesh: ProcessMesh, what: string, to: string): Promise<void> {
  await mesh.run('work', 'file', 'get', what, '--to', to, '--no-hold', '-q', '--timeout', '30m')
}

/** From now on `second` has everything too. */
async function holdTwice(): Promise<void> {
  for (const name of ['relay', 'direct']) {
    const mesh = meshes.get(name)
    if (mesh === undefined) continue
    for (const what of ['file', 'tree'])
      await mesh.run(
        'second',
        'file',
        'get',
        what,
        '--to',
        join(folder, `second-${name}-${what}`),
        '-q',
        '--timeout',
        '30m',
      )
    isSecondHeld = true
  }
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}
