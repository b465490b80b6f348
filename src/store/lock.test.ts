import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { openDataFolder } from './data-folder.ts'
import { lockFolder } from './lock.ts'

describe('lockFolder()', () => {
  it('refuses and names the process when another one holds the lock', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    await using holder = await startHolder(scratch.path)
    assert.equal(holder.said, 'locked')
    await assert.rejects(lockFolder(folder, 'agent'), {
      code: 'already-running',
      message: `Cannot start agent: process ${holder.pid} runs on ${folder.root}: stop it with \`ztm stop agent\``,
    })
  })

  it('refuses in the other process when this one holds the lock', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    await using _lock = await lockFolder(folder, 'agent')
    await using holder = await startHolder(scratch.path)
    assert.match(holder.said, new RegExp(`^already-running .*process ${process.pid} `))
  })

  it('refuses a second time in one process, and the first lock still holds', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    await using _lock = await lockFolder(folder, 'agent')
    await assert.rejects(lockFolder(folder, 'agent'), { code: 'already-running' })
    await using holder = await startHolder(scratch.path)
    assert.match(holder.said, /^already-running /)
  })

  it('gives an agent and a hub each their own lock', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    await using _agent = await lockFolder(folder, 'agent')
    await using _hub = await lockFolder(folder, 'hub')
    assert.deepEqual(readdirSync(scratch.path).sort(), ['agent.lock', 'agent.pid', 'hub.lock', 'hub.pid'])
  })

  it('lets exactly one win when several start at once', async () => {
    using scratch = makeScratchFolder()
    const holders = await Promise.all([1, 2, 3, 4].map(() => startHolder(scratch.path)))
    const said = holders.map(holder => holder.said.split(' ')[0]).sort()
    await Promise.all(holders.map(holder => holder[Symbol.asyncDispose]()))
    assert.deepEqual(said, ['already-running', 'already-running', 'already-running', 'locked'])
  })

  it('succeeds at once when the holder was killed', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    const holder = await startHolder(scratch.path)
    assert.equal(holder.said, 'locked')
    await holder.kill()
    assert.ok(existsSync(folder.path('agent.pid')))
    await using _lock = await lockFolder(folder, 'agent')
    assert.equal(statSync(folder.path('agent.lock')).size, 0)
  })

  it('names nobody rather than a process that is gone', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    const killed = await startHolder(scratch.path)
    await killed.kill()
    const pidFile = folder.path('agent.pid')
    // A holder that could not write its number: its folder does not exist.
    const nowhere = scratch.file('none/agent.pid')
    const blind = { root: folder.root, path: (n: string) => (n === 'agent.pid' ? nowhere : folder.path(n)) }
    await using _lock = await lockFolder(blind, 'agent')
    assert.ok(existsSync(pidFile))
    await assert.rejects(lockFolder(folder, 'agent'), {
      code: 'already-running',
      message: /another process runs/,
    })
  })

  it('leaves the lock to the next when disposed, twice too', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    const lock = await lockFolder(folder, 'agent')
    await lock[Symbol.asyncDispose]()
    await lock[Symbol.asyncDispose]()
    assert.deepEqual(readdirSync(scratch.path), ['agent.lock'])
    await using holder = await startHolder(scratch.path)
    assert.equal(holder.said, 'locked')
  })
})

interface Holder extends AsyncDisposable {
  readonly pid: number | undefined
  readonly said: string
  kill(): Promise<void>
}

async function startHolder(path: string): Promise<Holder> {
  const script = fileURLToPath(new URL('../testing/lock-holder.ts', import.meta.url))
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', script, path, 'agent'],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const ended = once(child, 'exit')
  const [chunk] = await once(child.stdout, 'data')
  return {
    pid: child.pid,
    said: String(chunk).trim(),
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await ended
    },
  }
}
