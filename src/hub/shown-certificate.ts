import type { ControllerPort } from '../core/api/controller.ts'
import { MeshError } from '../core/model/errors.ts'
import { type EndpointIdentity, isSameIdentity } from '../core/model/spiffe-id.ts'
import type { Ms } from '../core/model/time.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import { checkChain } from '../pki/check.ts'

/**
 * Check the chain that an endpoint shows over its link as its renewed one. It is no proof of its key: that was given by the
 * handshake, for the key that was shown then.
 *
 * @param before  what the link began with
 * @returns its end, ms since the epoch
 * @throws MeshError `not-trusted` for another identity or key, `evicted`, `certificate-expired`
 */
export function checkShownCertificate(
  chain: string,
  caller: EndpointIdentity,
  before: ShownIdentity | undefined,
  options: { readonly rootPem: string; readonly now: Ms; readonly controller: Pick<ControllerPort, 'admit'> },
): number {
  const { identity, issuedAtMs, expiresAtMs, publicKeyPem } = checkChain(chain, {
    ...options,
    expect: ['endpoint'],
  })
  if (!isSameIdentity(identity, caller) || publicKeyPem !== before?.publicKeyPem)
    throw new MeshError('not-trusted', 'Cannot renew link: the certificate is of another endpoint or key')
  options.controller.admit(caller, issuedAtMs)
  return expiresAtMs
}
