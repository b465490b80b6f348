// `node bench/proxy.ts [--rounds 3] [--seconds 5] [--connections 1 --connections 50] [--only 'microsocks,ztm,ssh -D']`: figure P14.
// HTTP requests (nginx, 1 KiB), each on a connection of its own through SOCKS 5, on loopback, in turns.
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createProcessMesh } from '../src/testing/process-mesh.ts'
import { startNginx, startProgram, startSshd } from '../src/testing/programs.ts'
import { inboundPort } from '../src/testing/tunnel-lab.ts'
import { median, percentile } from './figures.ts'
import { Notes, publish } from './running.ts'

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', multiple: true, default: ['1', '50'] },
    only: { type: 'string' },
  },
})

/** A SOCKS 5 proxy on loopback. */
interface Rival extends AsyncDisposable {
  readonly port: number
}

const RIVALS: Readonly<Record<string, (folder: string) => Promise<Rival>>> = {
  microsocks: () => startMicrosocks(),
  'microsocks behind ssh -L': behindSsh,
  'microsocks behind ztm': () => startMesh('relay', true),
  'ssh -D': startDynamic,
  ztm: () => startMesh('relay', false),
  'ztm direct': () => startMesh('direct', false),
}

/** What one run of requests gave. */
interface Run {
  readonly perSecond: number
  readonly firstByteP50Ms: number
  readonly firstByteP99Ms: number
  readonly failureCount: number
  readonly wrongCount: number
}

/** What nginx serves: see `startNginx`. */
const PAGE = 'x'.repeat(1_024)
const notes = new Notes<Run>()
const folder = await mkdtemp(join(tmpdir(), 'ztm-bench-'))
const names = Object.keys(RIVALS).filter(name => typed.only?.split(',').includes(name) ?? true)
const running = new Map<string, Rival>()
try {
  await using nginx = await startNginx(join(folder, 'nginx'))
  for (const name of names) {
    try {
      const rival = await RIVALS[name]?.(folder)
      if (rival !== undefined) running.set(name, rival)
    } catch (error) {
      console.error(`bench: ${name} takes no part: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  for (let round = 0; round < Number(typed.rounds); round += 1)
    for (const count of typed.connections)
      for (const [name, { port }] of running)
        await notes.take(`${name}|${count}`, () => runRequests(port, nginx.port, Number(count)))
} finally {
  for (const rival of running.values()) await rival[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
}
await publish(
  'proxy',
  `Requests of HTTP (nginx, 1 KiB), each on a connection of its own through SOCKS 5, for ${typed.seconds} s over loopback, median of ${typed.rounds} rounds
in turns. Mark (P14): 0.5 times microsocks, which has no mesh behind it; no wrong bytes.

| at once | way | requests/s | : microsocks | first byte p50, ms | p99, ms | failed | wrong |
| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |
${typed.connections.flatMap(count => [...running.keys()].map(name => rowOf(name, count))).join('\n')}`,
)

function rowOf(name: string, count: string): string {
  const all = notes.of(`${name}|${count}`)
  const middle = (way: string, of: keyof Run) => median(notes.of(`${way}|${count}`).map(run => run[of]))
  const ratio = middle(name, 'perSecond') / middle('microsocks', 'perSecond')
  const sum = (of: keyof Run) => all.reduce((total, run) => total + run[of], 0)
  const cells = [
    middle(name, 'perSecond').toFixed(0),
    Number.isNaN(ratio) ? '–' : ratio.toFixed(2),
    middle(name, 'firstByteP50Ms').toFixed(2),
    middle(name, 'firstByteP99Ms').toFixed(2),
    String(sum('failureCount')),
    String(sum('wrongCount')),
  ]
  return `| ${count} | ${name} | ${cells.join(' | ')} |`
}

/** Requests one after another on so many lines, for the time that was asked for. */
async function runRequests(proxyPort: number, webPort: number, count: number): Promise<Run> {
  const endMs = performance.now() + Number(typed.seconds) * 1_000
  const firstBytes: number[] = []
  let [failureCount, wrongCount] = [0, 0]
  const startMs = performance.now()
  const line = async () => {
    while (performance.now() < endMs) {
      const { firstByteMs, body } = await requestOnce(proxyPort, webPort).catch(() => ({
        firstByteMs: 0,
        body: undefined,
      }))
      if (body === undefined) failureCount += 1
      else if (body !== PAGE) wrongCount += 1
      else firstBytes.push(firstByteMs)
    }
  }
  await Promise.all(Array.from({ length: count }, line))
  const perSecond = (firstBytes.length * 1_000) / (performance.now() - startMs)
  const [firstByteP50Ms, firstByteP99Ms] = [percentile(firstBytes, 0.5), percentile(firstBytes, 0.99)]
  return { perSecond, firstByteP50Ms, firstByteP99Ms, failureCount, wrongCount }
}

/** One connection: login, wish, request, answer. @returns ms until the answer's first byte, and the page */
function requestOnce(proxyPort: number, webPort: number): Promise<{ firstByteMs: number; body: string }> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now()
    let firstByteMs = 0
    let seen: Buffer = Buffer.alloc(0)
    let step: 'method' | 'reply' | 'answer' = 'method'
    const socket = net.connect({ port: proxyPort, host: '127.0.0.1', noDelay: true }, () =>
      socket.write(Buffer.from([5, 1, 0])),
    )
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')))
    socket.on('error', reject)
    socket.on('data', chunk => {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk])
      if (step === 'method' && seen.length >= 2) {
        seen = seen.subarray(2)
        step = 'reply'
        socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, webPort >> 8, webPort & 0xff]))
      }
      if (step === 'reply' && seen.length >= 10) {
        if (seen[1] !== 0) socket.destroy(new Error(`refused: ${seen[1]}`))
        seen = seen.subarray(10)
        step = 'answer'
        socket.write('GET / HTTP/1.0\r\n\r\n')
      }
      if (step === 'answer' && seen.length > 0 && firstByteMs === 0) firstByteMs = performance.now() - startMs
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      const text = seen.toString('latin1')
      if (step === 'answer' && firstByteMs > 0)
        resolve({ firstByteMs, body: text.slice(text.indexOf('\r\n\r\n') + 4) })
      else reject(new Error('closed early'))
    })
  })
}

async function startMicrosocks(): Promise<Rival> {
  return await startProgram(port => ['microsocks', '-i', '127.0.0.1', '-p', String(port)])
}

async function behindSsh(folder: string): Promise<Rival> {
  const microsocks = await startMicrosocks()
  return await startSsh(
    join(folder, 'behind'),
    port => ['-L', `127.0.0.1:${port}:127.0.0.1:${microsocks.port}`],
    microsocks,
  )
}

function startDynamic(folder: string): Promise<Rival> {
  return startSsh(join(folder, 'dynamic'), port => ['-D', `127.0.0.1:${port}`])
}

async function startSsh(
  folder: string,
  way: (port: number) => string[],
  behind?: AsyncDisposable,
): Promise<Rival> {
  const sshd = await startSshd(folder)
  const client = await startProgram(port => [
    'ssh',
    ...['-N', ...sshd.login, '-c', 'aes128-gcm@openssh.com', '-o', 'ExitOnForwardFailure=yes', ...way(port)],
    ...['-p', String(sshd.port), '127.0.0.1'],
  ])
  return {
    port: client.port,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await sshd[Symbol.asyncDispose]()
      await behind?.[Symbol.asyncDispose]()
    },
  }
}

/** Two agents and a hub: the proxy between them, or a tunnel to microsocks. */
async function startMesh(path: 'relay' | 'direct', isTunnel: boolean): Promise<Rival> {
  const mesh = await createProcessMesh({ program: [join(import.meta.dirname, '../ztm')] })
  const args = ['--path', path]
  await mesh.startHub()
  for (const name of ['work', 'home']) {
    await mesh.startAgent(name, { args })
    await mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
  }
  const microsocks = isTunnel ? await startMicrosocks() : undefined
  const dispose = async () => {
    await mesh[Symbol.asyncDispose]()
    await microsocks?.[Symbol.asyncDispose]()
  }
  if (microsocks !== undefined) {
    await mesh.run(
      'home',
      'tunnel',
      'open',
      'outbound',
      'tcp/socks',
      '--targets',
      `127.0.0.1:${microsocks.port}`,
    )
    await mesh.run('work', 'tunnel', 'open', 'inbound', 'tcp/socks', '--listen', '127.0.0.1:0')
    return { port: await inboundPort(mesh, 'work', 'tcp/socks'), [Symbol.asyncDispose]: dispose }
  }
  await mesh.run('home', 'proxy', 'config', '--exit', 'on', '--open', '127.0.0.1')
  const config = (await mesh.json('work', 'proxy', 'config', '--listen', '127.0.0.1:0')) as {
    listen: { port: number }
  }
  return { port: config.listen.port, [Symbol.asyncDispose]: dispose }
}
