import { posix, win32 } from 'node:path'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'

/** What can be started as a service of the operating system. */
export type DaemonRole = 'hub' | 'agent' | 'gateway'

/** One for the whole computer, started at boot; or one of a user, started when that user logs in. */
export type Scope = 'system' | 'user'

/** The user a daemon runs as and whose state folder it uses. */
export interface DaemonOwner {
  readonly name: string
  /** Absent on Windows, as `gid`. */
  readonly uid?: number
  readonly gid?: number
  readonly homeFolder: string
}

/** A daemon that the operating system is to start, restart and stop. */
export interface ServicePlan {
  readonly role: DaemonRole
  /** The command line that runs this program: `[node, script]` or `[executable]`, the first an absolute path. */
  readonly program: readonly string[]
  /** The words after `run hub`, `run agent` or `run gateway`, but for `--data`. Every user can read them: no secrets. */
  readonly options: readonly string[]
  /** State folder, absolute. */
  readonly dataFolder: string
  readonly owner: DaemonOwner
  /** It is to listen on ports below 1024. */
  readonly needsLowPorts?: boolean
  /**
   * How much of the computer a system service may reach. `walled` (the default): its state folder, sockets and what
   * it may read anyway; no homes, no writing. `open`: what its user may, for an agent whose terminal app is to give
   * whole shells.
   */
  readonly reach?: 'walled' | 'open'
  /** More folders a walled daemon may write to: what the files app mirrors, say. Absolute. */
  readonly writableFolders?: readonly string[]
  /** Folders a walled daemon reads, also where they are in a home: that of a gateway's configuration, say. Absolute. */
  readonly readableFolders?: readonly string[]
}

/**
 * The words the operating system is to start a daemon with.
 *
 * @throws MeshError `bad-input` if a path is not absolute, if a word has a character that no unit file can carry, or
 *   if a word holds a secret, which every user of the computer could read
 */
export function commandLineOf(plan: ServicePlan): string[] {
  const [program = ''] = plan.program
  const folders = [...(plan.writableFolders ?? []), ...(plan.readableFolders ?? [])]
  for (const path of [program, plan.dataFolder, ...folders]) {
    if (!posix.isAbsolute(path) && !win32.isAbsolute(path))
      refuse(plan, `path ${quote(path)} is not absolute`)
  }
  const words = [...plan.program, 'run', plan.role, '--data', plan.dataFolder, ...plan.options]
  for (const word of [...words, ...folders]) {
    if (UNWRITABLE.test(word) || !word.isWellFormed()) {
      refuse(plan, `${quote(word)} has a control character: use a name without`)
    }
  }
  if (plan.options.some(word => SECRET.test(word))) {
    refuse(plan, 'an option holds a secret, and every user can read a command line: leave it out')
  }
  return words
}

function refuse(plan: ServicePlan, state: string): never {
  throw new MeshError('bad-input', `Cannot start ${plan.role} as a service: ${state}`)
}

/** Control characters, which unit files take in some places only, and what XML cannot hold. */
const UNWRITABLE = /[\p{Cc}\ufffe\uffff]/u
/** A link with a permit in it, a URL with a password, a key or a permit itself. */
const SECRET = /^ztm:\/\/|\/\/[^/\s]*:[^/\s]*@|-----BEGIN|"privateKey"|"token"/
