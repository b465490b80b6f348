import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/**
 * What keeps a sandboxed process in. `kernel`: Linux gives it no network at all, no file beside its own, and no other
 * process to see; whatever code runs in it. `node`: nothing but Node's permission model and what `sandboxed/seal.ts` takes away, which hold
 * a program that is wrong or nosy, but not for sure one that was written to break out.
 */
export type Walls = 'kernel' | 'node'

/** A way to build walls that was tried on this computer. */
export interface Jail extends AsyncDisposable {
  readonly walls: Walls
  /** Why the kernel's walls are not there, for the person to read. */
  readonly reason?: string
  /** The program and its arguments that run `command` inside, at most so long as this process lives. */
  enclose(command: readonly string[], place: JailPlace): readonly string[]
  /** Who a process may be instead of us, so that nothing of ours is open to it even by its mode: if we are root. */
  readonly stranger: { readonly uid: number; readonly gid: number } | undefined
}

/** What of this computer is inside. All are absolute paths of what exists. */
export interface JailPlace {
  readonly readable: readonly string[]
  readonly writable: readonly string[]
  readonly folder: string
  /** It is the `stranger`, if there is one; else it is who we are, without any special right. */
  readonly isStranger: boolean
  /** The most a process may allocate, in KiB; Node itself takes about 400 MiB of address space of it. */
  readonly maxDataKib: number
  readonly maxOpenFiles: number
}

/**
 * Find the best walls that this computer allows, by building them once around `true`.
 *
 * @param node  the executable that will run inside
 */
export async function findJail(node: string): Promise<Jail> {
  if (process.platform !== 'linux')
    return { ...BARE, reason: `there are no walls of the kernel to build on ${process.platform} yet` }
  // The folder where the inner root is put together; it stays empty, as only the jail sees what is mounted there.
  const root = await mkdtemp(join(tmpdir(), 'ztm-jail-'))
  await chmod(root, 0o755)
  const isRoot = process.getuid?.() === 0
  const jail = kernelJail(root, isRoot)
  const refusal = await tryJail(jail, node, isRoot)
  if (refusal === undefined) return jail
  await jail[Symbol.asyncDispose]()
  for (const lesser of [MORTAL, LIMITED])
    if ((await tryJail(lesser, node, false)) === undefined) return { ...lesser, reason: refusal }
  return { ...BARE, reason: refusal }
}

/** Start Node in a jail once. @returns why that failed; undefined if it did not */
async function tryJail(jail: Jail, node: string, isStranger: boolean): Promise<string | undefined> {
  const place = { readable: [node], writable: [], folder: '/', isStranger, ...PROBE_LIMITS }
  const [program = '', ...args] = jail.enclose([node, '--version'], place)
  try {
    await promisify(execFile)(program, args, { timeout: PROBE_TIMEOUT_MS })
    return undefined
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr ?? '').trim() || (error as Error).message
    return said.split('\n')[0] ?? ''
  }
}

/**
 * `unshare` makes namespaces of users, mounts, network and processes; the script puts a root together of nothing but what
 * the process needs, and goes into it; `setpriv` drops every right that is left. Each dies with the one before it, the
 * first with us (PDEATHSIG), so that nothing outlives the agent.
 */
function kernelJail(root: string, isRoot: boolean): Jail {
  return {
    walls: 'kernel',
    stranger: isRoot ? NOBODY : undefined,
    enclose: (command, { readable, writable, folder, isStranger, maxDataKib, maxOpenFiles }) => [
      ...['setpriv', '--pdeathsig', 'KILL', '--', 'unshare'],
      // Root of a namespace of users is root of nothing else.
      ...(isStranger ? [] : ['--user', '--map-root-user']),
      ...['--mount', '--net', '--pid', '--ipc', '--uts', '--fork', '--kill-child', '--'],
      ...['sh', '-c', BUILD_ROOT, 'ztm-jail', root, String(maxDataKib), String(maxOpenFiles)],
      ...SYSTEM.flatMap(path => ['system', path]),
      ...readable.flatMap(path => ['ro', path]),
      ...writable.flatMap(path => ['rw', path]),
      ...['--', 'setpriv', ...(isStranger ? BECOME_NOBODY : [])],
      ...['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'],
      ...['--pdeathsig', 'KILL', '--', 'env', `--chdir=${folder}`, ...command],
    ],
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

/** No walls of the kernel, but its limits. */
const LIMITED: Jail = {
  walls: 'node',
  stranger: undefined,
  enclose: (command, { folder, maxDataKib, maxOpenFiles }) => [
    ...['sh', '-c', LIMIT, 'ztm-limits', folder, String(maxDataKib), String(maxOpenFiles)],
    ...command,
  ],
  async [Symbol.asyncDispose]() {},
}

/** The same, and the process dies with us, also one that is too busy to notice. */
const MORTAL: Jail = {
  ...LIMITED,
  enclose: (command, place) => ['setpriv', '--pdeathsig', 'KILL', '--', ...LIMITED.enclose(command, place)],
}

const BARE: Jail = { ...LIMITED, enclose: command => command }

/** The parts of a system without which no program starts; each where it is there. Nothing of /etc, /home, /proc, /run. */
const SYSTEM = [
  '/usr',
  '/lib',
  '/lib64',
  '/bin',
  '/nix/store',
  '/dev/null',
  '/dev/urandom',
  '/etc/ld.so.cache',
]

/**
 * Arguments: root, KiB of data, open files, then pairs of kind and path, `--`, and the command. Bind mounts of the host's
 * devices keep the flags they have: those of /dev are locked and cannot be mounted again.
 */
const BUILD_ROOT = `
set -e
umask 022
root=$1; data=$2; files=$3; shift 3
mount -t tmpfs -o mode=755,size=1m ztm-jail "$root"
while [ "$1" != -- ]; do
  kind=$1; path=$2; shift 2
  if [ "$kind" = system ] && [ ! -e "$path" ]; then continue; fi
  if [ -L "$path" ]; then
    mkdir -p "$root\${path%/*}"; ln -s "$(readlink "$path")" "$root$path"; continue
  fi
  if [ -d "$path" ]; then mkdir -p "$root$path"
  else mkdir -p "$root\${path%/*}"; : > "$root$path"; fi
  mount --bind "$path" "$root$path"
  if [ "$kind" != rw ] && [ ! -c "$path" ]; then mount -o remount,bind,ro "$root$path"; fi
done
shift
mount -o remount,bind,ro "$root"
ulimit -c 0; ulimit -n "$files"; ulimit -d "$data"
exec chroot "$root" "$@"
`

const LIMIT = `
cd "$1"; ulimit -c 0; ulimit -n "$3"; ulimit -d "$2" 2>/dev/null || :
shift 3
exec "$@"
`

/** The user whom no file belongs to, by convention. */
const NOBODY = { uid: 65_534, gid: 65_534 }
const BECOME_NOBODY = [`--reuid=${NOBODY.uid}`, `--regid=${NOBODY.gid}`, '--clear-groups']
const PROBE_LIMITS = { maxDataKib: 4_194_304, maxOpenFiles: 256 }
const PROBE_TIMEOUT_MS = 10_000
