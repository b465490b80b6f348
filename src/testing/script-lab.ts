import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findJail } from '../agent/sandbox/jail.ts'
import { createScriptRunner, type ScriptRunner } from '../agent/sandbox/run-script.ts'
import { ms } from '../core/model/time.ts'
import { SANDBOX_PROGRAM } from './sandbox-lab.ts'

/** A runner of scripts with the walls of this computer. */
export interface ScriptLab extends AsyncDisposable {
  readonly runner: ScriptRunner
  /** Where scripts lie while they run. */
  readonly folder: string
  /** What stands for the state of the agent. */
  readonly stateFolder: string
}

/** Make one. */
export async function createScriptLab(): Promise<ScriptLab> {
  const root = await mkdtemp(join(tmpdir(), 'ztm-scripts-'))
  const stateFolder = join(root, 'state')
  await mkdir(stateFolder)
  const folder = join(stateFolder, 'scripts')
  const jail = findJail(process.execPath)
  return {
    folder,
    stateFolder,
    runner: createScriptRunner({
      jail: () => jail,
      program: SANDBOX_PROGRAM,
      folder,
      closedFolders: [stateFolder],
      clock: { now: () => ms(Date.now()) },
    }),
    async [Symbol.asyncDispose]() {
      await (await jail)[Symbol.asyncDispose]()
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** A runner whose lab is made when the first script is run. */
export function createLazyScripts(): ScriptRunner & AsyncDisposable {
  let lab: Promise<ScriptLab> | undefined
  return {
    async run(host, script) {
      lab ??= createScriptLab()
      return (await lab).runner.run(host, script)
    },
    async [Symbol.asyncDispose]() {
      await (await lab)?.[Symbol.asyncDispose]()
    },
  }
}
