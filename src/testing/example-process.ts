import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'

/** An example of the SDK at work, as people run it: a process of its own, with nothing but its environment. */
export interface ExampleProcess extends AsyncDisposable {
  /** Resolves when it has printed this, with all that it printed; rejects when it ends before. */
  said(words: string): Promise<string>
  /** Resolves when it has ended by itself and well, with all that it printed. */
  ended(): Promise<string>
}

/** Run a program. @param args  its file, absolute or below `examples/sdk`, then its arguments */
export function startExample(
  [file = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
): ExampleProcess {
  const child = spawn(process.execPath, [resolve(EXAMPLES, file), ...args], {
    // The variable would make it report like a test.
    env: { ...process.env, NODE_TEST_CONTEXT: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const watchers = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      for (const look of watchers) look()
    })
  }
  const closed = new Promise<number | null>(resolve => child.once('close', resolve))
  return {
    said: words =>
      new Promise((resolve, reject) => {
        const look = () => text.includes(words) && resolve(text)
        watchers.add(look)
        look()
        void closed.then(() => reject(new Error(`it ended: ${text}`)))
      }),
    async ended() {
      assert.equal(await closed, 0, text)
      return text
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await closed
    },
  }
}

const EXAMPLES = join(import.meta.dirname, '../../examples/sdk')
