import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { freePort } from './process-mesh.ts'
import type { ScratchFolder } from './scratch-folder.ts'
import { makeWebCertificate } from './web-certificate.ts'

/** A real ACME authority (Debian's `pebble`) for which every name is this computer. */
export interface Pebble extends AsyncDisposable {
  readonly directory: string
  /** File with the root of the directory's own certificate. */
  readonly caFile: string
  /** Where it asks for http-01, and for tls-alpn-01. */
  readonly httpPort: number
  readonly tlsPort: number
  /** PEM of the root that its certificates come from. */
  root(): Promise<string>
  /** Everything it has printed. */
  output(): string
}

/** Whether the programs are on this computer. */
export function hasPebble(): boolean {
  try {
    execFileSync('pebble', ['-h'], { stdio: 'ignore' })
    execFileSync('pebble-challtestsrv', ['-h'], { stdio: 'ignore' })
    return true
  } catch (error) {
    return (error as { code?: string }).code !== 'ENOENT'
  }
}

/** Start one, with names of its own. It asks at once, and forgets nothing of what it was told. */
export async function startPebble(folder: ScratchFolder): Promise<Pebble> {
  const [port, managementPort, httpPort, tlsPort, dnsManagementPort] = (await Promise.all(
    Array.from({ length: 5 }, freePort),
  )) as [number, number, number, number, number]
  const dnsPort = await freeUdpPort()
  const { certificatePem, keyPem } = await makeWebCertificate(['localhost', '127.0.0.1'])
  writeFileSync(folder.file('pebble.pem'), certificatePem)
  writeFileSync(folder.file('pebble.key'), keyPem)
  const config = {
    pebble: {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${managementPort}`,
      certificate: folder.file('pebble.pem'),
      privateKey: folder.file('pebble.key'),
      httpPort,
      tlsPort,
      ocspResponderURL: '',
      externalAccountBindingRequired: false,
    },
  }
  writeFileSync(folder.file('pebble.json'), JSON.stringify(config))
  let output = ''
  const start = async (program: string, args: string[], ready: RegExp): Promise<ChildProcess> => {
    const child = spawn(program, args, {
      env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '5', PEBBLE_AUTHZREUSE: '0' },
    })
    await new Promise<void>((resolve, reject) => {
      child.once('exit', code => reject(new Error(`${program} ended with ${code}: ${output}`)))
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          output += chunk
          if (ready.test(output)) resolve()
        })
      }
    })
    return child
  }
  const names = await start(
    'pebble-challtestsrv',
    [
      ...['-dns01', `127.0.0.1:${dnsPort}`, '-management', `127.0.0.1:${dnsManagementPort}`],
      ...['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', ''],
    ],
    /management/i,
  )
  const authority = await start(
    'pebble',
    ['-config', folder.file('pebble.json'), '-dnsserver', `127.0.0.1:${dnsPort}`, '-strict'],
    /ACME directory available/,
  )
  const agent = new https.Agent({ ca: certificatePem })
  return {
    directory: `https://localhost:${port}/dir`,
    caFile: folder.file('pebble.pem'),
    httpPort,
    tlsPort,
    output: () => output,
    async root() {
      const request = https.get(`https://localhost:${managementPort}/roots/0`, { agent })
      const [response] = await once(request, 'response')
      return await text(response)
    },
    async [Symbol.asyncDispose]() {
      for (const child of [authority, names]) {
        const gone = once(child, 'exit')
        child.kill()
        await gone
      }
    },
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}
