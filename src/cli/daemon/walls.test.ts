import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { makeScratchFolder, type ScratchFolder } from '../../testing/scratch-folder.ts'
import { formatSystemdUnit } from './systemd-unit.ts'

/**
 * A real systemd, in namespaces of its own, starts the system agent's unit as user nobody, with a program in the
 * agent's place that tries what an agent does and what it must not.
 */
test('formatSystemdUnit() walls let an agent work, and keep it from what is not its own', async t => {
  const missing = whatIsMissing()
  if (missing !== undefined) return t.skip(missing)
  using folder = makeScratchFolder()
  chmodSync(folder.path, 0o755)
  const target = createServer().listen(folder.file('target.sock'))
  await once(target, 'listening')
  chmodSync(folder.file('target.sock'), 0o666)
  const unit = formatSystemdUnit(
    {
      role: 'agent',
      program: ['/run/node/node', '/home/ann/z/dist/probe.mjs'],
      options: ['a $b "c" 100%', folder.file('target.sock')],
      dataFolder: '/home/ann/.ztm',
      owner: { name: 'nobody', uid: NOBODY, gid: NOBODY, homeFolder: '/home/ann' },
    },
    'system',
  )
  try {
    assert.deepEqual(await runUnit(unit, folder), {
      words: ['run', 'agent', '--data', '/home/ann/.ztm', 'a $b "c" 100%', folder.file('target.sock')],
      'user id': NOBODY,
      'write state': 'ok',
      'open a database': 'ok',
      'listen on TCP and connect': 'ok',
      'listen on UDP': 'ok',
      'listen on a unix socket': 'ok',
      'connect to a unix socket in the temporary folder': 'ok',
      'see network interfaces': 'ok',
      'resolve a name': 'ok',
      'start a shell': 'ok',
      'start a worker': 'ok',
      'read another file of the home': 'ENOENT',
      'write beside its program': 'EROFS',
      'write to /etc': 'EROFS',
      'see processes of others': 'ENOENT',
      'gain rights': 'ruled out',
    })
  } finally {
    target.close()
  }
})

const NOBODY = 65_534
const SYSTEMD = '/lib/systemd/systemd'
const CGROUPS = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified'].filter(path => existsSync(path))

function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux'
  if (!existsSync(SYSTEMD) || !existsSync('/usr/bin/unshare')) return 'needs systemd and unshare'
  if (existsSync('/run/systemd/system')) return 'needs a machine that systemd does not run already'
  if (CGROUPS.length === 0 || !CGROUPS.every(isWritable)) return "needs systemd's cgroup tree, writable"
  const { status } = spawnSync('unshare', ['-m', '-p', '-f', '--mount-proc', 'true'])
  return status === 0 ? undefined : 'needs the right to make namespaces'
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Start the unit, and give back what the probe in it found. */
async function runUnit(unit: string, folder: ScratchFolder): Promise<unknown> {
  const dataFolder = folder.file('data')
  mkdirSync(dataFolder, { mode: 0o700 })
  chownSync(dataFolder, NOBODY, NOBODY)
  mkdirSync(folder.file('units'))
  writeFileSync(folder.file('units/ztm-agent.service'), unit)
  for (const name of ['basic', 'shutdown', 'sysinit', 'network-online']) {
    writeFileSync(folder.file(`units/${name}.target`), `[Unit]\nDescription=${name}\n`)
  }
  writeFileSync(folder.file('probe.mjs'), PROBE)
  const cgroups = CGROUPS.map(path => join(path, `ztm-test-${process.pid}`))
  for (const path of cgroups) mkdirSync(path)
  using watcher = watchFor(dataFolder, 'found.json')
  const child = spawn('unshare', ['-m', '-p', '-f', '--kill-child', '--mount-proc', 'sh', '-ec', INSIDE], {
    env: { ...process.env, FOLDER: folder.path, CGROUPS: cgroups.join(' '), NODE: process.execPath, SYSTEMD },
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const ended = once(child, 'close')
  try {
    await Promise.race([
      watcher.seen,
      ended.then(() => assert.fail('systemd ended before the probe had found anything')),
      setTimeout(20_000, undefined, { ref: false }).then(() =>
        assert.fail('systemd did not start the probe'),
      ),
    ])
    return JSON.parse(readFileSync(join(dataFolder, 'found.json'), 'utf8'))
  } finally {
    // The first process of the namespace ends, and takes all others with it.
    child.stdin.end()
    await ended
    for (const path of cgroups) removeCgroup(path)
  }
}

function watchFor(folder: string, file: string): Disposable & { readonly seen: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const watcher = watch(folder, (_, name) => {
    if (name === file && existsSync(join(folder, file))) resolve()
  })
  return { seen: promise, [Symbol.dispose]: () => watcher.close() }
}

function removeCgroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(path, entry.name))
  }
  rmdirSync(path)
}

/** What a machine that systemd started would have; a home to hide; then a systemd, until standard input ends. */
const INSIDE = `
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/systemd/inaccessible/dir /run/manager /run/node
cd /run/systemd/inaccessible
touch reg sock; mkfifo fifo; mknod chr c 0 0; mknod blk b 0 0; chmod 000 *
cd /
touch /run/node/node
mount --bind "$NODE" /run/node/node
mount -t tmpfs tmpfs /home
mkdir -p /home/ann/.ztm /home/ann/z/dist
cp "$FOLDER/probe.mjs" /home/ann/z/dist
echo private >/home/ann/letter
mount --bind "$FOLDER/data" /home/ann/.ztm
for cgroup in $CGROUPS; do echo 0 >$cgroup/cgroup.procs; done
export XDG_RUNTIME_DIR=/run/manager SYSTEMD_UNIT_PATH="$FOLDER/units"
"$SYSTEMD" --user --unit=ztm-agent.service </dev/null >/dev/null 2>&1 &
read -r end || true
`

const PROBE = `
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'

const folder = process.argv[5]
const found = { words: process.argv.slice(2), 'user id': process.getuid() }
async function attempt(name, step) {
  try {
    found[name] = (await step()) ?? 'ok'
  } catch (error) {
    found[name] = error.code ?? error.message
  }
}
async function listen(place) {
  const server = createServer().listen(place)
  await once(server, 'listening')
  return server
}
await attempt('write state', () => writeFileSync(folder + '/state', 'x'))
await attempt('open a database', () => {
  new DatabaseSync(folder + '/a.db').exec('PRAGMA journal_mode = WAL; CREATE TABLE t (a)')
})
await attempt('listen on TCP and connect', async () => {
  const server = await listen(0)
  await once(connect(server.address().port, 'localhost'), 'connect')
})
await attempt('listen on UDP', async () => {
  await once(createSocket('udp4').bind(0), 'listening')
})
await attempt('listen on a unix socket', async () => {
  await listen(folder + '/api.sock')
})
await attempt('connect to a unix socket in the temporary folder', async () => {
  await once(connect(process.argv.at(-1)), 'connect')
})
await attempt('see network interfaces', () => (networkInterfaces().lo ? 'ok' : 'none'))
await attempt('resolve a name', async () => {
  await lookup('localhost')
})
await attempt('start a shell', () => spawnSync('/bin/sh', ['-c', 'echo ok']).stdout.toString().trim())
await attempt('start a worker', async () => {
  await once(new Worker('', { eval: true }), 'exit')
})
await attempt('read another file of the home', () => readFileSync('/home/ann/letter', 'utf8'))
await attempt('write beside its program', () => writeFileSync('/home/ann/z/dist/x', ''))
await attempt('write to /etc', () => writeFileSync('/etc/ztm-test', ''))
await attempt('see processes of others', () => readFileSync('/proc/1/status', 'utf8'))
await attempt('gain rights', () => {
  const status = readFileSync('/proc/self/status', 'utf8')
  return /NoNewPrivs:\\t1/.test(status) && /CapBnd:\\t0+\\n/.test(status) ? 'ruled out' : status
})
writeFileSync(folder + '/found', JSON.stringify(found))
renameSync(folder + '/found', folder + '/found.json')
`
