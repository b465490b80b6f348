import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { spawn as spawnTerminal } from '@lydell/node-pty'
import { createTerminalScreen } from '../testing/terminal-screen.ts'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

let lab: TunnelLab
let server: Server
/** While it does, nothing of the far end arrives. */
let isHeld = false

before(async () => {
  lab = await createTunnelLab()
  server = await openSlowWay('work', 'slow')
})

after(async () => {
  server.close()
  await lab[Symbol.asyncDispose]()
})

/** A state folder whose agent is that of another, 50 ms away each way. */
async function openSlowWay(to: string, name: string): Promise<Server> {
  const folder = join(lab.folder, name)
  await mkdir(folder, { mode: 0o700 })
  const slow = createServer(near => {
    const far = connect(join(lab.folder, to, 'agent.sock'))
    for (const socket of [near, far]) socket.on('error', () => {})
    near.on('data', chunk => setTimeout(() => far.write(chunk), 50))
    far.on('data', chunk => pass(() => near.write(chunk)))
    near.on('close', () => far.destroy())
    far.on('close', () => pass(() => near.destroy()))
  })
  slow.listen(join(folder, 'agent.sock'))
  await once(slow, 'listening')
  return slow
}

const waiting: (() => void)[] = []

function pass(what: () => void): void {
  waiting.push(what)
  setTimeout(() => {
    if (!isHeld) waiting.shift()?.()
  }, 50)
}

function release(): void {
  isHeld = false
  for (const what of waiting.splice(0)) what()
}

/** Until nothing is under way any more: a person stops, and looks. */
const pause = () => new Promise(resolve => setTimeout(resolve, 1_000))

function openWindow(cast: string) {
  const words = ['terminal', 'open', 'home', '--record', cast, '--', 'bash', '--norc', '--noprofile']
  const [file = '', ...args] = lab.commandLine('slow', ...words)
  const window = spawnTerminal(file, args, { cols: 91, rows: 33, name: 'xterm' })
  const screen = createTerminalScreen(91, 33)
  let written = ''
  window.onData(text => {
    written += text
    screen.write(text)
  })
  const ended = new Promise<number>(resolve => window.onExit(({ exitCode }) => resolve(exitCode)))
  return { window, screen, ended, written: () => written }
}

test('on a slow path a key is shown before its echo, a password never, and in the end all is as the far end wrote it', async () => {
  const cast = join(lab.folder, 'predicted.cast')
  const { window, screen, ended, written } = openWindow(cast)
  const shows = (what: RegExp) => until(() => what.test(screen.line()), `${what} instead of ${screen.line()}`)
  await shows(/\$$|#$/)
  window.write("PS1='> '\r")
  await shows(/^>$/)
  await pause()
  window.write('e')
  await shows(/^> e$/)
  isHeld = true
  for (const key of 'chp\x7fo') window.write(key)
  await shows(/^> echo$/)
  release()
  await pause()
  assert.equal(screen.line(), '> echo')
  for (const key of ' done; read -s secret; echo got-$(printf %s "$secret" | wc -c)-$((6*7))')
    window.write(key)
  await shows(/7\)\)$/)
  window.write('\r')
  await until(() => screen.rows().includes('done'), 'it runs')
  await pause()
  const before = written().length
  for (const key of 'hunter') {
    window.write(key)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  await pause()
  assert.equal(written().slice(before), '')
  window.write('\r')
  await until(() => screen.rows().includes('got-6-42'), 'the password was read')
  await shows(/^>$/)
  await pause()
  for (const key of 'exit 3') window.write(key)
  await shows(/^> exit 3$/)
  await pause()
  window.write('\r')
  assert.equal(await ended, 3)

  const events = (await readFile(cast, 'utf8')).trim().split('\n').slice(1)
  const plain = createTerminalScreen(91, 33)
  for (const line of events) {
    const [, kind, text] = JSON.parse(line) as [number, string, string]
    if (kind === 'o') plain.write(text)
  }
  assert.deepEqual(screen.everything(), plain.everything())
})
