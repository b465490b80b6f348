import { execFile } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { type ExitRef, PROXY_API, type ProxyChange, type ProxyConfig } from '../apps/proxy/messages.ts'
import { proxyApp } from '../apps/proxy/proxy.ts'
import { createTestMesh, type TestApp, type TestEndpoint, type TestMesh } from './test-host.ts'

const execute = promisify(execFile)

/** An entry and an exit in a mesh in memory. */
export interface ProxyRig {
  readonly mesh: TestMesh
  readonly entry: TestApp
  readonly exit: TestApp
  readonly entryEndpoint: TestEndpoint
  readonly exitEndpoint: TestEndpoint
  change(change: ProxyChange): Promise<ProxyConfig>
  changeExit(change: ProxyChange): Promise<ProxyConfig>
  /** The proxy's port. */
  readonly port: number
}

/** An entry that listens, and an exit of the same user at which `localhost` is open. */
export async function openProxyRig(t: TestContext, change: ProxyChange = {}): Promise<ProxyRig> {
  const mesh = createTestMesh()
  t.after(() => mesh[Symbol.asyncDispose]())
  const [near, far] = [mesh.addEndpoint('near'), mesh.addEndpoint('far')]
  const [entry, exit] = [await near.start(proxyApp), await far.start(proxyApp)]
  const rig = {
    mesh,
    entry,
    exit,
    entryEndpoint: near,
    exitEndpoint: far,
    change: (body: ProxyChange) =>
      entry.call(PROXY_API.changeConfig, { params: { endpoint: 'near' }, body: body as never }),
    changeExit: (body: ProxyChange) =>
      exit.call(PROXY_API.changeConfig, { params: { endpoint: 'far' }, body: body as never }),
  }
  await rig.changeExit({ exit: { opens: ['localhost'] } })
  const { listen } = await rig.change({ listen: { ip: '127.0.0.1', port: 0 }, ...change })
  return { ...rig, port: listen?.port ?? 0 }
}

/** As rules name an endpoint. */
export function refOf({ identity, name }: TestEndpoint): ExitRef {
  return { id: identity.endpoint, name: name as never, user: identity.user }
}

/** A web server that says what it was asked. @returns its port */
export async function openWeb(t: TestContext): Promise<number> {
  const server = http.createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { method, url, headers } = request
    response.end(JSON.stringify({ method, url, headers, body }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}

/** @returns what curl wrote, and its exit code */
export async function curl(...args: string[]): Promise<{ code: number; text: string; errors: string }> {
  const env = { ...process.env, no_proxy: '', NO_PROXY: '' }
  try {
    const { stdout, stderr } = await execute('curl', ['-sS', '--max-time', '20', ...args], { env })
    return { code: 0, text: stdout, errors: stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, text: stdout, errors: stderr }
  }
}
