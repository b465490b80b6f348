import type { AppRunner } from '../agent/app-runner.ts'
import { findJail, type Jail } from '../agent/sandbox/jail.ts'
import { findSandboxProgram } from '../agent/sandbox/sandbox-program.ts'
import { createAppRunner } from '../agent/sandbox/sandboxed-app.ts'
import { SYSTEM_CLOCK } from './system-clock.ts'

/** What runs apps from elsewhere on this computer. The walls are found when the first is started. */
export interface OpenedAppRunner extends AppRunner, AsyncDisposable {
  jail(): Promise<Jail>
}

/** Make it. @param dataFolder  where apps have their own folders */
export function openAppRunner(dataFolder: string): OpenedAppRunner {
  const program = findSandboxProgram()
  let found: Promise<Jail> | undefined
  const jail = () => {
    found ??= findJail(program.node)
    return found
  }
  return {
    ...createAppRunner({ jail, program, dataFolder, clock: SYSTEM_CLOCK }),
    jail,
    async [Symbol.asyncDispose]() {
      await (await found)?.[Symbol.asyncDispose]()
    },
  }
}
