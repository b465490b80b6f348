import type { AGENT_API } from '../core/api/agent-api.ts'
import type { Answer } from '../core/api/route.ts'
import { readCertificate } from '../pki/certificate-fields.ts'
import { readPem } from '../pki/pem.ts'

/**
 * Whose certificates an endpoint relies on, and until when they are good.
 *
 * @param chain  PEM: its own first, then who signed it
 * @param root  PEM of the mesh's root
 * @throws MeshError `bad-input` for what was never one of ours
 */
export function viewCertificates(
  chain: string,
  root: string,
): Answer<typeof AGENT_API.showMesh>['certificates'] {
  const inChain = readPem(chain, 'CERTIFICATE').map(der => ({ der, isRoot: false }))
  const roots = readPem(root, 'CERTIFICATE').map(der => ({ der, isRoot: true }))
  return [...inChain, ...roots].map(({ der, isRoot }) => {
    const { x509, isCa, notBeforeMs, notAfterMs } = readCertificate(der)
    return {
      of: isRoot ? 'root' : isCa ? 'authority' : 'endpoint',
      subject: x509.subject,
      fingerprint: x509.fingerprint256,
      issuedAtMs: notBeforeMs,
      expiresAtMs: notAfterMs,
    }
  })
}
