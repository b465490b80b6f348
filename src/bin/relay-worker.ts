import { type ChildProcess, spawn } from 'node:child_process'
import { type HubChannel, runRelayWorker } from '../hub/relay-worker.ts'

/**
 * Start this program once more, as a process that copies for a hub.
 *
 * @param program  what runs `ztm`: a path, and arguments that come first
 */
export function startRelayWorker([command = '', ...args]: readonly string[]): ChildProcess {
  return spawn(command, [...args, 'relay-worker'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
    windowsHide: true,
  })
}

/** Copy for the hub that started this process, until it is gone. */
export async function beRelayWorker(): Promise<never> {
  // Who stops a hub by a signal to all its processes means the hub: it tells us.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  await runRelayWorker({
    send: message => {
      // Told in vain: the hub is gone, and `disconnect` comes.
      process.send?.(message, undefined, {}, () => {})
    },
    on: process.on.bind(process) as HubChannel['on'],
  })
  process.exit(0)
}
