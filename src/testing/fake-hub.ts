import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'

/** Something that answers like a hub, with a certificate and a clock of the test's choice. */
export interface FakeHub extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly address: string
}

/** What it shows. */
export interface FakeHubOptions {
  /** Leaf, then intermediate. */
  readonly chainPem: string
  readonly privateKeyPem: string
  /** Its clock, ms since the epoch. */
  readonly now: () => number
  /** Take requests and never answer. */
  readonly isMute?: boolean
}

/** Listen on a free port; every request is refused, with a date. */
export async function startFakeHub(options: FakeHubOptions): Promise<FakeHub> {
  const sessions = new Set<http2.ServerHttp2Session>()
  const server = http2.createSecureServer({
    cert: options.chainPem,
    key: options.privateKeyPem,
    minVersion: 'TLSv1.3',
  })
  server.on('session', session => {
    sessions.add(session)
    session.on('error', () => {})
  })
  server.on('stream', stream => {
    stream.on('error', () => {})
    if (options.isMute) return
    stream.respond({ ':status': 403, date: new Date(options.now()).toUTCString() })
    stream.end('{}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy()
      server.close()
    },
  }
}
