import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import tls, { type SecureContext } from 'node:tls'
import { MeshError } from '../core/model/errors.ts'

/** A certificate that the public is shown, ready for use. */
export interface PublicCertificate {
  readonly context: SecureContext
  /** Names it is for, lower case; a wildcard as `*.example.com`. */
  readonly names: readonly string[]
  readonly notBeforeMs: number
  readonly expiresAtMs: number
}

/**
 * Read a certificate and its key.
 *
 * @param chainPem  leaf first
 * @throws MeshError `bad-input` if either is none, or they do not belong together
 */
export function readPublicCertificate(chainPem: string, keyPem: string): PublicCertificate {
  try {
    const leaf = new X509Certificate(chainPem)
    if (!leaf.checkPrivateKey(createPrivateKey(keyPem)))
      throw new Error('the key is not that of the certificate')
    const names = (leaf.subjectAltName ?? '').split(', ').flatMap(name => {
      const [, dns] = /^DNS:(.+)$/.exec(name) ?? []
      return dns === undefined ? [] : [dns.toLowerCase()]
    })
    if (names.length === 0) throw new Error('it is for no host')
    return {
      context: tls.createSecureContext({ cert: chainPem, key: keyPem }),
      names,
      notBeforeMs: leaf.validFromDate.getTime(),
      expiresAtMs: leaf.validToDate.getTime(),
    }
  } catch (cause) {
    throw new MeshError('bad-input', `Cannot use certificate: ${(cause as Error).message}`, { cause })
  }
}

/** Answers the questions of `tls-alpn-01` (RFC 8737): a handshake that shows a certificate with the answer in it. */
export interface AlpnChallenges {
  set(host: string, certificatePem: string, keyPem: string): void
  remove(host: string): void
  /** A connection whose client speaks `acme-tls/1`. */
  accept(connection: Socket): void
}

/** Make them; none is set. */
export function createAlpnChallenges(): AlpnChallenges {
  const contexts = new Map<string, SecureContext>()
  const server = tls.createServer({
    ALPNProtocols: [ACME_TLS],
    minVersion: 'TLSv1.2',
    handshakeTimeout: 10_000,
    SNICallback(name, done) {
      const context = contexts.get(name.toLowerCase())
      if (context === undefined) done(new Error('no challenge for this name'))
      else done(null, context)
    },
  })
  // The certificate was all that was asked for.
  server.on('secureConnection', socket => socket.on('error', () => {}).end(() => socket.destroy()))
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return {
    set: (host, cert, key) => contexts.set(host, tls.createSecureContext({ cert, key })),
    remove: host => contexts.delete(host),
    accept: connection => server.emit('connection', connection),
  }
}

/** The protocol of RFC 8737. */
export const ACME_TLS = 'acme-tls/1'
