import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createProcessMesh, type Daemon } from '../testing/process-mesh.ts'
import { startSshd } from '../testing/programs.ts'
import { inboundPort, type TunnelLab } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

// Connections that outlive their path, with real processes. `RESUME_BYTES=1e9` for a longer transfer, `RESUME_SLEEP_MS=60000`
// for a longer sleep.

const BYTES = Number(process.env.RESUME_BYTES ?? 300e6)
/** Longer than it takes both sides to give up the session: `SILENCE_MS` of src/net/keep-alive.ts. */
const SLEEP_MS = Number(process.env.RESUME_SLEEP_MS ?? 42_000)
const BLOCK = randomBytes(1_000_000)

describe('a tunnelled connection', { concurrency: true }, () => {
  it('survives three kills of the hub in the middle of a transfer, with equal checksums both ways', async t => {
    await using lab = await createRelayedLab()
    await using target = await listenEcho()
    const socket = net.connect(await lab.tunnel('tcp/echo', target.at))
    const [sent, received] = [createHash('sha256'), createHash('sha256')]
    const kills = [1, 2, 3].map(quarter => (quarter * BYTES) / 4)
    let receivedBytes = 0
    let longestPauseMs = 0
    let lastMs = performance.now()
    let restarting = Promise.resolve()
    socket.on('data', chunk => {
      received.update(chunk)
      receivedBytes += chunk.length
      longestPauseMs = Math.max(longestPauseMs, performance.now() - lastMs)
      lastMs = performance.now()
      if (receivedBytes < (kills[0] ?? Number.POSITIVE_INFINITY)) return
      kills.shift()
      restarting = restarting.then(() => restartHub(lab))
    })
    const ended = once(socket, 'end')
    for (let left = BYTES; left > 0; left -= BLOCK.length) {
      const chunk = BLOCK.subarray(0, Math.min(left, BLOCK.length))
      sent.update(chunk)
      if (!socket.write(chunk)) await once(socket, 'drain')
    }
    socket.end()
    await Promise.all([ended, restarting])
    t.diagnostic(
      `${BYTES / 1e6} MB there and back, hub killed three times, longest pause ${longestPauseMs.toFixed(0)} ms`,
    )
    assert.deepEqual([kills, receivedBytes], [[], BYTES])
    assert.equal(received.digest('hex'), sent.digest('hex'))
  })

  it('keeps an ssh session across a kill of the hub', async () => {
    await using lab = await createRelayedLab()
    await using sshd = await startSshd(join(lab.folder, 'sshd'))
    const port = String(await lab.tunnel('tcp/ssh', `127.0.0.1:${sshd.port}`))
    const ssh = spawn('ssh', [...sshd.login, '-p', port, '127.0.0.1', 'echo ready; cat'])
    try {
      let output = ''
      ssh.stdout.on('data', chunk => {
        output += chunk
      })
      await until(() => output === 'ready\n', 'ssh has logged in')
      await daemonOf(lab, 'hub').stop('SIGKILL')
      ssh.stdin.write('typed while there is no hub\n')
      await lab.startHub()
      await until(() => output.endsWith('no hub\n'), 'what was typed came back')
      ssh.stdin.end('and after\n')
      const [code] = (await once(ssh, 'close')) as [number]
      assert.deepEqual([code, output], [0, 'ready\ntyped while there is no hub\nand after\n'])
    } finally {
      ssh.kill()
    }
  })

  it('survives the sleep of its client', async t => {
    await using lab = await createRelayedLab()
    await using target = await listenEcho()
    const socket = net.connect(await lab.tunnel('tcp/echo', target.at))
    const reader = socket.iterator()
    const echo = async (text: string) => {
      socket.write(text)
      let back = ''
      while (back.length < text.length) back += (await reader.next()).value
      return back
    }
    assert.equal(await echo('before'), 'before')
    const { pid } = daemonOf(lab, 'work').child
    process.kill(pid as number, 'SIGSTOP')
    // A computer that sleeps has no event: this is the time it sleeps.
    await sleep(SLEEP_MS)
    process.kill(pid as number, 'SIGCONT')
    const wokenMs = performance.now()
    assert.equal(await echo('after'), 'after')
    t.diagnostic(
      `${SLEEP_MS / 1_000} s asleep, ${(performance.now() - wokenMs).toFixed(0)} ms to the next byte`,
    )
    socket.destroy()
  })

  it('breaks when its hosting agent was killed and started again: nobody is let wait', async () => {
    await using lab = await createRelayedLab()
    await using target = await listenEcho()
    const socket = net.connect(await lab.tunnel('tcp/echo', target.at))
    const broken = new Promise<Error>(resolve => socket.once('error', resolve))
    socket.write('x')
    await once(socket, 'data')
    await daemonOf(lab, 'home').stop('SIGKILL')
    await lab.startAgent('home', { args: RELAYED })
    assert.match((await broken).message, /ECONNRESET/)
    assert.match(daemonOf(lab, 'work').output(), /restarted/)
  })
})

const RELAYED = ['--path', 'relay', '--path', 'relay-h2']

/** A hub and two agents that talk through it, though they could do without. */
async function createRelayedLab(): Promise<TunnelLab> {
  const mesh = await createProcessMesh()
  try {
    await mesh.startHub()
    await Promise.all(
      ['home', 'work'].map(async name => {
        await mesh.startAgent(name, { args: RELAYED })
        await mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
      }),
    )
  } catch (error) {
    await mesh[Symbol.asyncDispose]()
    throw error
  }
  return Object.assign(mesh, {
    async tunnel(name: string, at: string) {
      await mesh.run('home', 'tunnel', 'open', 'outbound', name, '--targets', at)
      await mesh.run('work', 'tunnel', 'open', 'inbound', name, '--listen', '127.0.0.1:0')
      return inboundPort(mesh, 'work', name)
    },
  })
}

function daemonOf(lab: TunnelLab, name: string): Daemon {
  const found = [...lab.daemons].find(daemon => daemon.name === name)
  assert.ok(found !== undefined, `${name} runs`)
  return found
}

async function restartHub(lab: TunnelLab): Promise<void> {
  await daemonOf(lab, 'hub').stop('SIGKILL')
  await lab.startHub()
}

async function listenEcho(): Promise<AsyncDisposable & { at: string }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    at: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
