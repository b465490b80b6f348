import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './process-mesh.ts'

/** A program of somebody else's that a test started. */
export interface Program extends AsyncDisposable {
  readonly port: number
  readonly child: ChildProcess
  output(): string
}

/** Run a program to its end; throws with what it printed if it fails. */
export const execute = promisify(execFile)

/**
 * Start a server program and wait until it accepts connections.
 *
 * @param start  gives the command for a free port
 */
export async function startProgram(
  start: (port: number) => readonly [string, ...string[]],
  isUdp = false,
): Promise<Program> {
  const port = await freePort()
  const [command, ...args] = start(port)
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
  if (!isUdp) await untilAccepting(port, child, () => text)
  return {
    port,
    child,
    output: () => text,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

/** Resolves when something accepts connections there; tries as long as the program lives. */
async function untilAccepting(port: number, child: ChildProcess, output: () => string): Promise<void> {
  for (let left = 400; left > 0; left -= 1) {
    if (child.exitCode !== null)
      throw new Error(`${child.spawnfile} ended with ${child.exitCode}:\n${output()}`)
    const isOpen = await new Promise<boolean>(resolve => {
      const socket = net.connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true))
      socket.once('error', () => setTimeout(resolve, 25, false))
      socket.once('connect', () => socket.destroy())
    })
    if (isOpen) return
  }
  throw new Error(`${child.spawnfile} does not listen on ${port}:\n${output()}`)
}

/** A real sshd on loopback with keys of its own, and the arguments with which ssh and scp log in to it. */
export async function startSshd(folder: string): Promise<Program & { readonly login: readonly string[] }> {
  await mkdir(folder, { recursive: true })
  const [hostKey, userKey] = [join(folder, 'host'), join(folder, 'user')]
  for (const key of [hostKey, userKey])
    await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  await writeFile(join(folder, 'authorized_keys'), await readFile(`${userKey}.pub`))
  await chmod(join(folder, 'authorized_keys'), 0o600)
  // Where sshd locks away what it does before a login; asked for only when it runs as root.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true })
  const options = {
    HostKey: hostKey,
    AuthorizedKeysFile: join(folder, 'authorized_keys'),
    StrictModes: 'no',
    UsePAM: 'no',
    PidFile: 'none',
    PermitRootLogin: 'prohibit-password',
    PasswordAuthentication: 'no',
    Subsystem: 'sftp internal-sftp',
  }
  const config = join(folder, 'sshd_config')
  await writeFile(
    config,
    Object.entries(options)
      .map(pair => pair.join(' '))
      .join('\n'),
  )
  const program = await startProgram(port => [
    '/usr/sbin/sshd',
    '-D',
    '-e',
    '-f',
    config,
    '-o',
    `ListenAddress=127.0.0.1:${port}`,
  ])
  const login = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    `IdentityFile=${userKey}`,
  ]
  return Object.assign(program, { login: login.flatMap(option => ['-o', option]) })
}

/** A real redis-server that keeps nothing. */
export function startRedis(): Promise<Program> {
  return startProgram(port => [
    'redis-server',
    ...['--port', String(port), '--save', '', '--bind', '127.0.0.1'],
  ])
}

/** A real PostgreSQL with a new, empty cluster: user and database `postgres`, no password. Never runs as root. */
export async function startPostgres(): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'ztm-postgres-'))
  const isRoot = process.getuid?.() === 0
  const asUser = (file: string, ...args: string[]): [string, ...string[]] =>
    isRoot
      ? ['/usr/sbin/runuser', '-u', 'postgres', '--', `${POSTGRES}/${file}`, ...args]
      : [`${POSTGRES}/${file}`, ...args]
  if (isRoot) await execute('chown', ['postgres', folder])
  const [command, ...args] = asUser(
    'initdb',
    ...['-D', `${folder}/data`, '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8', '--no-locale'],
  )
  await execute(command, args, { cwd: folder })
  const program = await startProgram(port =>
    asUser('postgres', '-D', `${folder}/data`, '-h', '127.0.0.1', '-p', String(port), '-k', '', '-F'),
  )
  return {
    ...program,
    async [Symbol.asyncDispose]() {
      // Its process is the child of runuser; both end by this, and its own children with it.
      const pid = (await readFile(`${folder}/data/postmaster.pid`, 'utf8').catch(() => '')).split('\n')[0]
      if (pid) process.kill(Number(pid), 'SIGQUIT')
      await new Promise<void>(resolve => {
        if (program.child.exitCode !== null) resolve()
        else program.child.once('close', () => resolve())
      })
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const POSTGRES = '/usr/lib/postgresql/15/bin'

/** A real nginx that serves one page of 1 KiB at `/`. */
export async function startNginx(folder: string): Promise<Program> {
  await mkdir(join(folder, 'www'), { recursive: true })
  await writeFile(join(folder, 'www/index.html'), 'x'.repeat(1_024))
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    name => `${name}_temp_path ${folder}/${name};`,
  )
  return startProgram(port => {
    const config = `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr warn;
      events { worker_connections 4096; }
      http { access_log off; keepalive_requests 1000000; ${temporary.join(' ')}
        server { listen 127.0.0.1:${port}; root ${folder}/www; } }`
    return [
      '/bin/sh',
      '-c',
      `cat > ${folder}/nginx.conf <<'END'\n${config}\nEND\nexec /usr/sbin/nginx -c ${folder}/nginx.conf -e stderr`,
    ]
  })
}
