import { isAbsolute, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import type { GlobalOptions } from './global-options.ts'
import { agree, type Prefix, parseEndpointWord } from './prefix.ts'
import type { World } from './world.ts'

/** Gives a command its arguments, options, examples and action. */
export type Define = (command: Command, cli: Cli) => void

/** One word of `ztm`, known before its file is read. */
export interface CommandEntry {
  readonly name: string
  readonly aliases?: readonly string[]
  /** Heading in `ztm help`. */
  readonly group: string
  readonly summary: string
  /** Not in the help: for our own scripts. */
  readonly isHidden?: true
  /** Its `--ep` takes several, and becomes `--on` for each. */
  readonly takesEndpoints?: true
  /** Reads the command's file: done for the one command that is run. */
  readonly load: () => Promise<Define>
}

/** One run of the command line: what every command is given. */
export interface Cli {
  readonly world: World
  readonly commands: readonly CommandEntry[]
  /** As parsed; before that, the defaults. */
  options: GlobalOptions
  prefix: Prefix
  /** What the process ends with when no error is thrown. */
  exitCode: number
  /** When the whole command must be done, by the world's clock; undefined for one that goes on until Ctrl-C. */
  deadlineMs: number | undefined
}

/** The state at the start of a run. */
export function createCli(world: World, commands: readonly CommandEntry[]): Cli {
  const options = { output: 'table', color: true } as const
  return { world, commands, options, prefix: {}, exitCode: 0, deadlineMs: undefined }
}

/** The state folder this run is about: `--data`, else `ZTM_DATA`, else `~/.ztm`; absolute. */
export function dataFolderOf({ options, world }: Cli): string {
  const given = options.data || world.env.ZTM_DATA
  return given ? resolve(world.workFolder, given) : join(world.homeFolder, '.ztm')
}

/** A path as typed, made absolute. */
export function pathOf({ world }: Cli, typed: string): string {
  return isAbsolute(typed) ? typed : resolve(world.workFolder, typed)
}

/** Milliseconds left for a step of this run. @param most  for a run without an end */
export function remainingMs({ deadlineMs, world }: Cli, most = DEFAULT_TIMEOUT_MS): number {
  return deadlineMs === undefined ? most : Math.max(1, deadlineMs - world.clock.now())
}

/** What `--mesh`, `--ep` and the prefixes say together. @throws MeshError `bad-usage` if they differ */
export function selectionOf({ options, prefix }: Cli): { mesh?: string; endpoint?: string } {
  const place = options.ep === undefined ? undefined : parseEndpointWord(options.ep)
  const mesh = agree(agree(prefix.mesh, options.mesh), place?.mesh)
  const endpoint = agree(prefix.endpoint, place?.endpoint, 'endpoint')
  return { ...(mesh !== undefined && { mesh }), ...(endpoint !== undefined && { endpoint }) }
}

/**
 * Refuse an endpoint for a command that only acts on the agent here.
 *
 * @throws MeshError `bad-usage` if one was given
 */
export function refuseEndpoint(cli: Cli, command: string): void {
  const { endpoint } = selectionOf(cli)
  if (endpoint === undefined) return
  throw new MeshError(
    'bad-usage',
    `Cannot ${command} at endpoint ${quote(endpoint)}: it acts on the agent of this computer: leave --ep out`,
  )
}

/** How long a command may take if nothing else is said. */
export const DEFAULT_TIMEOUT_MS = 30_000
