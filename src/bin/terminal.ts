import { homedir } from 'node:os'
import { isSea } from 'node:sea'
import { runTool } from '../cli/daemon/run-tool.ts'
import { runCli } from '../cli/main.ts'
import type { Console, Output, World } from '../cli/world.ts'
import { MeshError } from '../core/model/errors.ts'
import { SYSTEM_CLOCK } from './system-clock.ts'

/** Run one command line with the real world around it, and end the process with its exit code. */
export async function runInTerminal(typed: readonly string[]): Promise<never> {
  // Whoever read our output has enough of it (`ztm get ep | head -1`): that is no failure.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', endQuietly)
  const exitCode = await runCli(typed, createWorld())
  await Promise.all([flush(process.stdout), flush(process.stderr)])
  // Not by waiting for the event loop to run dry: an open standard input would hold it forever.
  process.exit(exitCode)
}

function createWorld(): World {
  const program = isSea()
    ? [process.execPath]
    : [process.execPath, ...process.execArgv, process.argv[1] ?? '']
  return {
    env: process.env,
    homeFolder: homedir(),
    workFolder: process.cwd(),
    platform: process.platform,
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    clock: SYSTEM_CLOCK,
    readStdin,
    console: createConsole,
    catchInterrupt,
    program,
    system: {
      machine: async () => {
        const { readMachine } = await import('../cli/daemon/machine.ts')
        return readMachine({ platform: process.platform, env: process.env, homeFolder: homedir() }, runTool)
      },
      run: runTool,
      root: '/',
    },
    runHub: async options => (await import('./run-hub.ts')).runHub(options, program),
    runAgent: async options => (await import('./run-agent.ts')).runAgent(options, program),
    inspectGateway: async file => (await import('./run-gateway.ts')).inspectGateway(file),
    runGateway: async options => (await import('./run-gateway.ts')).runGateway(options),
  }
}

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    isTerminal: stream.isTTY === true,
    write: text => {
      stream.write(text)
    },
  }
}

function createConsole(): Console {
  const { stdin, stdout, stderr } = process
  return {
    input: stdin,
    output: stdout,
    errors: stderr,
    isTerminal: stdin.isTTY === true && stdout.isTTY === true,
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    setRaw(isRaw) {
      if (stdin.isTTY) stdin.setRawMode(isRaw)
    },
    onResize(listener) {
      stdout.on('resize', listener)
      return () => stdout.off('resize', listener)
    },
  }
}

async function readStdin(maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let byteCount = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    byteCount += chunk.length
    if (byteCount > maxBytes) {
      throw new MeshError(
        'too-large',
        `Cannot read standard input: over ${maxBytes} bytes: is it the right file?`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function catchInterrupt(): AbortSignal {
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort())
  process.once('SIGTERM', () => interrupt.abort())
  return interrupt.signal
}

function endQuietly(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? 0 : 10)
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise(resolve => {
    stream.write('', () => resolve())
  })
}
