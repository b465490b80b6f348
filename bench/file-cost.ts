// `node bench/file-cost.ts [--rounds 5] [--count 10000 | --bytes 1000000000] [--path relay] [--holders 1] [--profile] [--rsync]`: what a tree of small files
// costs, or one large file.
// Processor seconds, which do not depend on what else the machine does as the times of `bench/files.ts` do: of each daemon while the tree is fetched with
// `ztm file get`, and beside it by rsync through a tunnel of the same mesh (with the processes of rsync and ssh at both ends). With `--profile`, the functions
// of holder and fetcher by self time.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createProcessMesh, type ProcessMesh } from '../src/testing/process-mesh.ts'
import { execute, startSshd } from '../src/testing/programs.ts'
import { inboundPort } from '../src/testing/tunnel-lab.ts'
import { type CpuProfile, hotFunctions } from './cpu-profile.ts'
import { median } from './figures.ts'
import { makeLargeFile, makeTree } from './file-tree.ts'
import { cpuSeconds } from './processes.ts'
import { Notes, publish } from './running.ts'

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    count: { type: 'string', default: '10000' },
    bytes: { type: 'string' },
    path: { type: 'string', default: 'relay' },
    holders: { type: 'string', default: '1' },
    profile: { type: 'boolean', default: false },
    rsync: { type: 'boolean', default: false },
  },
})
const folder = await mkdtemp(join(tmpdir(), 'ztm-bench-'))
const profiles = join(import.meta.dirname, 'out', 'profile')
const notes = new Notes<number>()
const window = { fromUs: 0, toUs: 0 }
{
  await using opened = new AsyncDisposableStack()
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  await mkdir(profiles, { recursive: true })
  const source = join(folder, 'tree')
  if (typed.bytes === undefined) await makeTree(source, Number(typed.count))
  else await makeLargeFile(source, Number(typed.bytes))
  const mesh = opened.use(await createProcessMesh({ nodeFlags: profileFlags }))
  await mesh.startHub()
  for (const name of ['home', 'second', 'work']) {
    await mesh.startAgent(name, { args: typed.path === 'relay' ? ['--path', 'relay'] : [] })
    await mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
  }
  await measure(mesh, 'publish', () => mesh.run('home', 'file', 'publish', source))
  if (typed.holders === '2')
    await mesh.run('second', 'file', 'get', 'tree', '--to', join(folder, 'second-tree'), '-q')
  const sshd = typed.rsync ? opened.use(await startSshd(join(folder, 'sshd'))) : undefined
  const rsync = sshd === undefined ? undefined : await openRsync(mesh, sshd)
  for (let round = 0; round < Number(typed.rounds); round += 1) {
    const to = join(folder, 'fetched')
    window.fromUs = nowUs()
    await measure(mesh, 'get', () => mesh.run('work', 'file', 'get', 'tree', '--to', to, '--no-hold', '-q'))
    window.toUs = nowUs()
    await rm(to, { recursive: true, force: true })
    if (rsync === undefined) continue
    await measure(mesh, 'rsync', () => rsync(to))
    await rm(to, { recursive: true, force: true })
  }
}
const ways = ['publish', 'get', ...(typed.rsync ? ['rsync'] : [])]
await publish(
  'file-cost',
  `${typed.bytes === undefined ? `A tree of ${typed.count} files of 1 to 4 KiB` : `A file of ${typed.bytes} random bytes`} over ${typed.path}: processor seconds, median of ${typed.rounds}.

| | hub | home | second | work | others | together | time, s |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${ways.map(rowOf).join('\n')}`,
)
if (typed.profile) for (const name of ['home', 'work']) await showProfile(name)

/** Note what each daemon used meanwhile, and all other processes that this one started and that have ended. */
async function measure(mesh: ProcessMesh, what: string, work: () => Promise<unknown>): Promise<void> {
  const read = () => new Map([...mesh.daemons].map(({ name, child }) => [name, cpuSeconds(child.pid ?? 0)]))
  const [before, others, startedMs] = [read(), await endedSeconds(), performance.now()]
  await work()
  await notes.take(`${what}|time`, async () => (performance.now() - startedMs) / 1_000)
  for (const [name, seconds] of read())
    await notes.take(`${what}|${name}`, async () => seconds - (before.get(name) ?? 0))
  await notes.take(`${what}|others`, async () => (await endedSeconds()) - others)
}

/** Processor time of children that have ended, in seconds. */
async function endedSeconds(): Promise<number> {
  const fields = (await readFile('/proc/self/stat', 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) / 100
}

function rowOf(what: string): string {
  const of = (name: string) => median(notes.of(`${what}|${name}`))
  const all = ['hub', 'home', 'second', 'work', 'others'].map(of)
  const sum = all.reduce((total, each) => total + each, 0)
  return `| ${what} | ${[...all, sum, of('time')].map(each => each.toFixed(2)).join(' | ')} |`
}

async function openRsync(mesh: ProcessMesh, sshd: Awaited<ReturnType<typeof startSshd>>) {
  await mesh.run('home', 'tunnel', 'open', 'outbound', 'tcp/ssh', '--targets', `127.0.0.1:${sshd.port}`)
  await mesh.run('work', 'tunnel', 'open', 'inbound', 'tcp/ssh', '--listen', '127.0.0.1:0')
  const port = await inboundPort(mesh, 'work', 'tcp/ssh')
  const shell = ['ssh', ...sshd.login, '-o', `Port=${port}`].join(' ')
  return async (to: string) => {
    await execute(
      'rsync',
      ['-a', '-e', shell, `127.0.0.1:${join(folder, 'tree')}${typed.bytes === undefined ? '/' : ''}`, to],
      { maxBuffer: 1e8 },
    )
  }
}

function profileFlags(name: string): string[] {
  if (!typed.profile) return []
  return ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=files-${name}.cpuprofile`]
}

async function showProfile(name: string): Promise<void> {
  const text = await readFile(join(profiles, `files-${name}.cpuprofile`), 'utf8')
  console.log(`\n## ${name}\n\n| self | s | function | place |\n| ---: | ---: | --- | --- |`)
  for (const { name: title, place, seconds, share } of hotFunctions(
    JSON.parse(text) as CpuProfile,
    window,
  ).slice(0, 40))
    console.log(`| ${(share * 100).toFixed(1)} % | ${seconds.toFixed(2)} | ${title} | ${place} |`)
}

/** The clock of the profiles. */
function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}
