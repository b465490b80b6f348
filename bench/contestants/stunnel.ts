import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/testing/process-mesh.ts'
import { execute, type Program, startProgram } from '../../src/testing/programs.ts'
import type { Contestant } from '../contestant.ts'

/** Two stunnels that check each other's certificate: one TLS connection for each connection. */
export function stunnelContestant(): Contestant {
  let folder = ''
  let server: Program | undefined
  let client: Program | undefined
  return {
    name: 'stunnel',
    shape:
      'stunnel4 pair, TLS 1.3 with both certificates checked, TLS for each connection; no relay in between',
    async start(targetPorts) {
      folder = await mkdtemp(join(tmpdir(), 'ztm-bench-stunnel-'))
      await makeCertificates(folder)
      const services = async (targets: readonly number[]) =>
        await Promise.all(targets.map(async target => ({ target, accept: await freePort() })))
      const [serverSide, clientSide] = [await services(targetPorts), await services(targetPorts)]
      server = await startStunnel(folder, 'server', serverSide)
      const joined = clientSide.map(({ accept }, index) => ({
        accept,
        target: serverSide[index]?.accept ?? 0,
      }))
      client = await startStunnel(folder, 'client', joined)
      return { ports: [client.port, ...joined.slice(1).map(({ accept }) => accept)] }
    },
    async stop() {
      await client?.[Symbol.asyncDispose]()
      await server?.[Symbol.asyncDispose]()
      if (folder !== '') await rm(folder, { recursive: true, force: true })
      client = undefined
      server = undefined
    },
    pids: () => ({
      ...(client?.child.pid && { 'client side': client.child.pid }),
      ...(server?.child.pid && { 'server side': server.child.pid }),
    }),
  }
}

interface Forward {
  readonly accept: number
  readonly target: number
}

async function startStunnel(
  folder: string,
  side: 'server' | 'client',
  forwards: Forward[],
): Promise<Program> {
  const file = join(folder, `${side}.conf`)
  const [first] = forwards
  return await startProgram(port => {
    if (first !== undefined) forwards[0] = { ...first, accept: port }
    const services = forwards.map(({ accept, target }, index) =>
      [`[forward-${index}]`, `accept = 127.0.0.1:${accept}`, `connect = 127.0.0.1:${target}`].join('\n'),
    )
    writeFileSync(file, [globalPart(folder, side), ...services, ''].join('\n'))
    return ['stunnel4', file]
  })
}

function globalPart(folder: string, side: 'server' | 'client'): string {
  return `foreground = yes
pid =
debug = 4
client = ${side === 'client' ? 'yes' : 'no'}
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
sslVersionMin = TLSv1.3
ciphersuites = TLS_AES_128_GCM_SHA256
verifyChain = yes
requireCert = yes
CAfile = ${folder}/ca.pem
cert = ${folder}/${side}.pem
key = ${folder}/${side}.key`
}

async function makeCertificates(folder: string): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const path = (name: string) => join(folder, name)
  const ca = ['-x509', '-days', '2', '-subj', '/CN=bench', '-keyout', path('ca.key'), '-out', path('ca.pem')]
  await execute('openssl', ['req', ...key, ...ca])
  for (const side of ['server', 'client']) {
    const files = ['-keyout', path(`${side}.key`), '-out', path(`${side}.csr`)]
    await execute('openssl', ['req', ...key, '-subj', `/CN=${side}`, ...files])
    const issuer = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '2']
    await execute('openssl', [
      'x509',
      '-req',
      '-in',
      path(`${side}.csr`),
      ...issuer,
      '-out',
      path(`${side}.pem`),
    ])
  }
}
