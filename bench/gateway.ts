// `node bench/gateway.ts [--rounds 5] [--seconds 5] [--connections 50] [--path relay]`
// Requests per second of `ztm run gateway` beside nginx as a proxy, both to the same nginx with a page of 1 KiB: by HTTP and by
// HTTPS, kept connections. nginx has one worker, the gateway one process; the mesh between adds an agent (and, by relay, a hub).
// Run it on a quiet machine: all of it shares the cores. Only the ratios of one run mean something.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freePort } from '../src/testing/process-mesh.ts'
import { execute, type Program, startNginx, startProgram } from '../src/testing/programs.ts'
import { createTunnelLab } from '../src/testing/tunnel-lab.ts'
import { makeWebCertificate } from '../src/testing/web-certificate.ts'
import { median } from './figures.ts'
import { cpuSeconds } from './processes.ts'

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '50' },
    path: { type: 'string', default: 'relay' },
  },
})

/** One way to the page. */
interface Way {
  readonly name: string
  readonly url: string
  /** Processes whose time counts. */
  readonly pids: readonly (number | undefined)[]
}

/** What a way did in one round. */
interface Figures {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of the proxy a request, µs. */
  readonly cpuUs: number
  readonly errorCount: number
}

const folder = mkdtempSync(join(tmpdir(), 'ztm-bench-gateway-'))
try {
  await main()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const { certificatePem, keyPem } = await makeWebCertificate(['localhost'])
  writeFileSync(join(folder, 'c.pem'), certificatePem)
  writeFileSync(join(folder, 'c.key'), keyPem)
  await using backend = await startNginx(join(folder, 'backend'))
  const [plainPort, securePort] = [await freePort(), await freePort()]
  await using proxy = await startProxy(backend.port, securePort)
  await using lab = await createTunnelLab({ agentArgs: ['--path', typed.path] })
  await lab.run('home', 'tunnel', 'open', 'outbound', 'tcp/page', '--targets', `127.0.0.1:${backend.port}`)
  const gatewayPort = await freePort()
  const gateway = await lab.startGateway(
    'door',
    `
mesh: { permit: root.json, name: door }
listeners: [{ kind: http, listen: '127.0.0.1:${plainPort}' }, { kind: https, listen: '127.0.0.1:${gatewayPort}' }]
certificates: [{ certificate: ${folder}/c.pem, key: ${folder}/c.key }]
accessLog: off
routes: [{ service: page }]
`,
  )
  const nginxPids = [proxy.child.pid]
  const gatewayPids = [gateway.child.pid]
  const ways: Way[] = [
    { name: 'the page itself', url: `http://127.0.0.1:${backend.port}/`, pids: [backend.child.pid] },
    { name: 'nginx, HTTP', url: `http://127.0.0.1:${proxy.port}/`, pids: nginxPids },
    { name: 'gateway + mesh, HTTP', url: `http://127.0.0.1:${plainPort}/`, pids: gatewayPids },
    { name: 'nginx, HTTPS', url: `https://localhost:${securePort}/`, pids: nginxPids },
    { name: 'gateway + mesh, HTTPS', url: `https://localhost:${gatewayPort}/`, pids: gatewayPids },
  ]
  const found = new Map<string, Figures[]>(ways.map(({ name }) => [name, []]))
  for (const way of ways) await measure(way, 1)
  for (let round = 0; round < Number(typed.rounds); round += 1)
    for (const way of ways) found.get(way.name)?.push(await measure(way, Number(typed.seconds)))
  show(found)
}

/** An nginx that proxies to another, with kept connections on both sides. */
function startProxy(backendPort: number, securePort: number): Promise<Program> {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    name => `${name}_temp_path ${folder}/${name};`,
  )
  return startProgram(port => {
    const config = `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr warn;
      events { worker_connections 4096; }
      http { access_log off; keepalive_requests 1000000; ${temporary.join(' ')}
        upstream page { server 127.0.0.1:${backendPort}; keepalive 256; keepalive_requests 1000000; }
        server { listen 127.0.0.1:${port}; listen 127.0.0.1:${securePort} ssl http2;
          ssl_certificate ${folder}/c.pem; ssl_certificate_key ${folder}/c.key; ssl_protocols TLSv1.2 TLSv1.3;
          location / { proxy_pass http://page; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } } }`
    writeFileSync(join(folder, 'nginx.conf'), config)
    return ['/usr/sbin/nginx', '-c', join(folder, 'nginx.conf'), '-e', 'stderr']
  })
}

async function measure({ url, pids }: Way, seconds: number): Promise<Figures> {
  const spent = () => pids.reduce<number>((sum, pid) => sum + (pid === undefined ? 0 : cpuSeconds(pid)), 0)
  const before = spent()
  const { stdout } = await execute('wrk', [
    '-t1',
    `-c${typed.connections}`,
    `-d${seconds}s`,
    '--latency',
    url,
  ])
  const cpu = spent() - before
  const requestCount = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0)
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN),
    p50Ms: readMs(/50%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    p99Ms: readMs(/99%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    cpuUs: (cpu * 1e6) / requestCount,
    errorCount: Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0),
  }
}

function readMs(match: RegExpExecArray | null): number {
  const scale = { us: 0.001, ms: 1, s: 1_000 }[match?.[2] ?? ''] ?? Number.NaN
  return Number(match?.[1]) * scale
}

function show(found: ReadonlyMap<string, readonly Figures[]>): void {
  const one = (figures: readonly Figures[], key: keyof Figures) => median(figures.map(each => each[key]))
  console.log(
    `\n${typed.rounds} rounds of ${typed.seconds} s, ${typed.connections} connections, path ${typed.path};`,
  )
  console.log(`load average of the last minute: ${loadavg()[0]?.toFixed(2)}\n`)
  console.log('| way | requests/s | p50 ms | p99 ms | proxy CPU µs/request | errors |')
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |')
  for (const [name, figures] of found) {
    const cells = [
      one(figures, 'perSecond').toFixed(0),
      one(figures, 'p50Ms').toFixed(2),
      one(figures, 'p99Ms').toFixed(2),
      one(figures, 'cpuUs').toFixed(0),
      String(one(figures, 'errorCount')),
    ]
    console.log(`| ${name} | ${cells.join(' | ')} |`)
  }
}
