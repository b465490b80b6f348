import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { after, before, test } from 'node:test'
import { execute, startNginx, startProgram, startSshd } from '../testing/programs.ts'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'

// Programs people use, through a real hub and real agents.

let lab: TunnelLab

before(async () => {
  lab = await createTunnelLab()
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

test('OpenSSH logs in, and scp copies 100 MB with equal checksums', async () => {
  await using sshd = await startSshd(join(lab.folder, 'sshd'))
  const port = String(await lab.tunnel('tcp/ssh', `127.0.0.1:${sshd.port}`))
  const said = await execute('ssh', [...sshd.login, '-p', port, '127.0.0.1', 'echo hello from the far side'])
  assert.equal(said.stdout, 'hello from the far side\n')

  const [source, target] = [join(lab.folder, 'source'), join(lab.folder, 'target')]
  await execute('dd', ['if=/dev/urandom', `of=${source}`, 'bs=1M', 'count=100', 'status=none'])
  await execute('scp', [...sshd.login, '-P', port, source, `127.0.0.1:${target}`])
  assert.equal(await hashOf(target), await hashOf(source))
})

test('iperf3 measures both directions and eight streams', async () => {
  // A server each: one that is still ending a test refuses the next.
  for (const [i, how] of [[], ['-R'], ['-P', '8']].entries()) {
    await using server = await startProgram(port => ['iperf3', '-s', '-p', String(port), '--forceflush'])
    const port = String(await lab.tunnel(`tcp/iperf-${i}`, `127.0.0.1:${server.port}`))
    const { stdout } = await execute('iperf3', ['-c', '127.0.0.1', '-p', port, '-t', '2', '-J', ...how])
    const received: number = JSON.parse(stdout).end.sum_received?.bytes ?? 0
    assert.ok(
      received > 1_000_000,
      `iperf3 ${how.join(' ')}: ${received} bytes arrived: ${stdout}${server.output()}`,
    )
  }
})

test('Redis client and server talk', async () => {
  await using server = await startProgram(port => [
    'redis-server',
    '--port',
    String(port),
    '--save',
    '',
    '--bind',
    '127.0.0.1',
  ])
  const port = String(await lab.tunnel('tcp/redis', `127.0.0.1:${server.port}`))
  const value = 'a value of many words '.repeat(1_000).trim()
  await execute('redis-cli', ['-p', port, 'set', 'key', value])
  const { stdout } = await execute('redis-cli', ['-p', port, 'get', 'key'])
  assert.equal(stdout, `${value}\n`)
  const benchmark = await execute('redis-benchmark', [
    '-p',
    port,
    '-n',
    '2000',
    '-c',
    '20',
    '-t',
    'ping,set',
    '-q',
    '--csv',
  ])
  assert.match(benchmark.stdout, /"SET"/)
})

test('HTTP keep-alive: ten thousand requests by wrk, none failed', async () => {
  await using server = await startNginx(join(lab.folder, 'nginx'))
  const port = await lab.tunnel('tcp/web', `127.0.0.1:${server.port}`)
  let requests = 0
  for (let round = 0; round < 10 && requests < 10_000; round += 1) {
    const { stdout } = await execute('wrk', ['-t1', '-c20', '-d3s', `http://127.0.0.1:${port}/`])
    assert.doesNotMatch(stdout, /Socket errors|Non-2xx/)
    requests += Number(/(\d+) requests in/.exec(stdout)?.[1])
  }
  assert.ok(requests >= 10_000, `${requests} requests`)
})

test('a DNS query and iperf3 over UDP arrive', async () => {
  await using dns = await startProgram(port => [
    'dnsmasq',
    ...[
      '--keep-in-foreground',
      '--no-resolv',
      '--no-hosts',
      '--no-daemon',
      '--bind-interfaces',
      '--user=root',
    ],
    ...['--listen-address=127.0.0.1', `--port=${port}`, '--address=/mesh.test/192.0.2.7'],
  ])
  const port = String(await lab.tunnel('udp/dns', `127.0.0.1:${dns.port}`))
  const { stdout } = await execute('dig', ['@127.0.0.1', '-p', port, '+short', '+tries=3', 'www.mesh.test'])
  assert.equal(stdout, '192.0.2.7\n')

  // iperf3 talks TCP and UDP on one port number: both tunnels must listen on the same.
  await using server = await startProgram(serverPort => ['iperf3', '-s', '-p', String(serverPort)])
  const tcp = String(await lab.tunnel('tcp/both', `127.0.0.1:${server.port}`))
  await lab.run('home', 'tunnel', 'open', 'outbound', 'udp/both', '--targets', `127.0.0.1:${server.port}`)
  await lab.run('work', 'tunnel', 'open', 'inbound', 'udp/both', '--listen', `127.0.0.1:${tcp}`)
  const result = await execute('iperf3', [
    '-c',
    '127.0.0.1',
    '-p',
    tcp,
    '-u',
    '-b',
    '20M',
    '-l',
    '1200',
    '-t',
    '2',
    '-J',
  ])
  const { packets, lost_packets: lost } = JSON.parse(result.stdout).end.sum as {
    packets: number
    lost_packets: number
  }
  assert.ok(packets > 1_000 && lost < packets / 20, `${lost} of ${packets} datagrams lost`)
})

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
