import { duplexPair } from 'node:stream'
import tls, { type TLSSocket } from 'node:tls'

/** What one side shows, and whom it trusts; PEM. */
export interface HandshakeSide {
  readonly chainPem?: string
  readonly privateKeyPem?: string
  readonly rootPem: string
}

/** Both ends of a finished TLS 1.3 handshake in memory; neither side refused the other. */
export interface Handshake extends Disposable {
  readonly server: TLSSocket
  readonly client: TLSSocket
}

/** Shake hands as hubs and agents do: both sides ask for a certificate and neither refuses one. */
export async function shakeHands(sides: {
  server: HandshakeSide
  client: HandshakeSide
}): Promise<Handshake> {
  const [serverEnd, clientEnd] = duplexPair()
  const options = ({ chainPem, privateKeyPem, rootPem }: HandshakeSide) => ({
    ...(chainPem === undefined ? {} : { cert: chainPem, key: privateKeyPem }),
    ca: rootPem,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3' as const,
  })
  const acceptor = tls.createServer({ ...options(sides.server), requestCert: true })
  const accepted = new Promise<TLSSocket>((resolve, reject) => {
    acceptor.once('secureConnection', resolve).once('tlsClientError', reject)
  })
  acceptor.emit('connection', serverEnd)
  const client = tls.connect({
    ...options(sides.client),
    socket: clientEnd,
    checkServerIdentity: () => undefined,
  })
  const connected = new Promise<void>((resolve, reject) => {
    client.once('secureConnect', resolve).once('error', reject)
  })
  const [server] = await Promise.all([accepted, connected])
  return {
    server,
    client,
    [Symbol.dispose]() {
      client.destroy()
      server.destroy()
    },
  }
}
