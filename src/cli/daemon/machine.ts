import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { DaemonOwner } from './plan.ts'
import type { RunTool } from './run-tool.ts'

/** What of a computer decides how it runs services. */
export interface Machine {
  readonly platform: NodeJS.Platform
  /** Root, or on Windows an administrator. */
  readonly isAdministrator: boolean
  /** The user that runs this command; ids are absent on Windows. */
  readonly user: DaemonOwner
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether there is a file or folder of that path. */
  exists(path: string): boolean
}

/**
 * Look at the computer this runs on.
 *
 * @param given  what the command line was given, so that tests can give something else
 */
export async function readMachine(
  given: Pick<Machine, 'platform' | 'env'> & { readonly homeFolder: string },
  run: RunTool,
): Promise<Machine> {
  const { platform, env, homeFolder } = given
  const { username: name, uid, gid } = userInfo()
  const ids = platform === 'win32' ? {} : { uid, gid }
  // Windows lets administrators alone list the sessions of its file server; there is no simpler question.
  const isAdministrator = platform === 'win32' ? (await run('net', ['session'])).status === 0 : uid === 0
  return { platform, env, isAdministrator, user: { name, homeFolder, ...ids }, exists: existsSync }
}
