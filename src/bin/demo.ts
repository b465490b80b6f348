import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createProcessMesh, type ProcessMesh } from '../testing/process-mesh.ts'

// `npm start`: the main job, done with real processes and real commands, then a table and what to type next.

interface Row {
  readonly endpoint: string
  readonly path: string
  readonly firstByteMs: number
  readonly megabytesPerSecond: number
}

const isOnce = process.argv.includes('--once')

async function main(): Promise<void> {
  await using mesh = await createProcessMesh()
  const target = await startTarget()
  const step = async <T>(what: string, action: () => Promise<T>): Promise<T> => {
    const started = performance.now()
    process.stdout.write(`  ${what} … `)
    const result = await action()
    process.stdout.write(`${Math.round(performance.now() - started)} ms\n`)
    return result
  }
  console.log('A hub, two agents, a tunnel between them, and a fetch through it:\n')
  const hub = await step('start a hub', () => mesh.startHub())
  await step('start two agents and join them with the permit', () =>
    Promise.all([mesh.join('home'), mesh.join('work')]),
  )
  await step('home offers its web server', () =>
    mesh.run('home', 'tunnel', 'open', 'outbound', 'tcp/web', '--targets', `127.0.0.1:${target.port}`),
  )
  await step('work opens a port to it', () =>
    mesh.run('work', 'tunnel', 'open', 'inbound', 'tcp/web', '--listen', '127.0.0.1:0'),
  )
  const port = await portOf(mesh)
  const row = await step('work fetches a page through it', () => measure(mesh, port))
  show(row)
  if (isOnce) return
  console.log(`
It stays up until you press Ctrl-C. Try, in another terminal:

  curl http://127.0.0.1:${port}/
  ./ztm --data ${mesh.folder}/work get ep
  ./ztm --data ${mesh.folder}/work describe ep home
  ./ztm --data ${mesh.folder}/work tunnel get tunnel
  ./ztm --data ${mesh.folder}/hub status hub

On your own computers: ./ztm help`)
  void hub
  await new Promise(resolve => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
}

async function startTarget(): Promise<{ port: number }> {
  const block = Buffer.alloc(1_048_576, 'ztm ')
  const server = createServer((request, response) => {
    if (request.url !== '/bulk') {
      response.end('Hello from the far side\n')
      return
    }
    let left = BULK_MEGABYTES
    const more = () => {
      while (left > 0) {
        left -= 1
        if (!response.write(block)) {
          response.once('drain', more)
          return
        }
      }
      response.end()
    }
    more()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  return { port: (server.address() as AddressInfo).port }
}

async function portOf(mesh: ProcessMesh): Promise<number> {
  const inbound = (await mesh.json('work', 'tunnel', 'describe', 'inbound', 'tcp/web')) as {
    listens: { port: number }[]
  }
  const port = inbound.listens[0]?.port
  if (port === undefined) throw new Error('the inbound has no port')
  return port
}

async function measure(mesh: ProcessMesh, port: number): Promise<Row> {
  const hello = await fetch(`http://127.0.0.1:${port}/`)
  const text = await hello.text()
  if (text !== 'Hello from the far side\n')
    throw new Error(`the page is not what was served: ${JSON.stringify(text)}`)
  const samples: number[] = []
  for (let i = 0; i < 5; i += 1) {
    const started = performance.now()
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
    samples.push(performance.now() - started)
    await response.text()
  }
  const started = performance.now()
  let byteCount = 0
  for await (const chunk of (await fetch(`http://127.0.0.1:${port}/bulk`)).body ?? [])
    byteCount += chunk.length
  const seconds = (performance.now() - started) / 1_000
  if (byteCount !== BULK_MEGABYTES * 1_048_576) throw new Error(`only ${byteCount} bytes arrived`)
  const endpoint = (await mesh.json('work', 'describe', 'ep', 'home')) as {
    paths: { path: string; state: string }[]
  }
  const path = endpoint.paths.find(({ state }) => state === 'open')?.path ?? 'unknown'
  samples.sort((a, b) => a - b)
  return {
    endpoint: 'home',
    path,
    firstByteMs: samples[2] ?? 0,
    megabytesPerSecond: byteCount / 1e6 / seconds,
  }
}

function show(row: Row): void {
  console.log('\n  ENDPOINT  PATH      FIRST BYTE  MB/s')
  const cells = [
    row.endpoint.padEnd(8),
    row.path.padEnd(8),
    `${row.firstByteMs.toFixed(1)} ms`.padEnd(10),
    row.megabytesPerSecond.toFixed(0),
  ]
  console.log(`  ${cells.join('  ')}`)
}

const BULK_MEGABYTES = 100

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(`\nztm: the demonstration failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
