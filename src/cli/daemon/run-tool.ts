import { execFile } from 'node:child_process'

/** How a tool of the operating system ended. */
export interface ToolResult {
  /** Its exit code; 127 if there is no such tool, 124 if it took longer than a minute. */
  readonly status: number
  /** What it printed, on both streams. */
  readonly output: string
}

/** Runs a tool of the operating system to its end. Never throws. */
export type RunTool = (command: string, words: readonly string[]) => Promise<ToolResult>

/** Run a tool for real, without a shell, with nothing on its standard input. */
export const runTool: RunTool = (command, words) =>
  new Promise(resolve => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true }
    const child = execFile(command, [...words], options, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`
      if (error === null) resolve({ status: 0, output })
      else if (error.code === 'ENOENT') resolve({ status: 127, output: `${command}: no such command` })
      else if (error.killed) resolve({ status: 124, output: `${output}${command}: took too long` })
      else
        resolve({ status: typeof error.code === 'number' ? error.code : 1, output: output || error.message })
    })
    child.stdin?.end()
  })

const TIMEOUT_MS = 60_000
const MAX_OUTPUT_BYTES = 1_048_576
