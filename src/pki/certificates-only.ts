import { readPem } from './pem.ts'

/**
 * Certificates as PKCS #7 without a signature, as servers of EST give out their authority: a degenerate SignedData.
 *
 * @param pem  one or several CERTIFICATE blocks
 * @returns DER
 * @throws MeshError `bad-input` for text that is none
 * @see RFC 5652, section 5.1; RFC 7030, section 4.1.3
 */
export function makeCertificatesOnly(pem: string): Buffer {
  const signedData = wrap(
    SEQUENCE,
    Buffer.from([0x02, 0x01, 0x01]),
    wrap(SET),
    wrap(SEQUENCE, ID_DATA),
    wrap(CONTEXT_0, ...readPem(pem, 'CERTIFICATE')),
    wrap(SET),
  )
  return wrap(SEQUENCE, ID_SIGNED_DATA, wrap(CONTEXT_0, signedData))
}

function wrap(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content])
  const hex = content.length.toString(16)
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content])
}

const SEQUENCE = 0x30
const SET = 0x31
const CONTEXT_0 = 0xa0
/** 1.2.840.113549.1.7.1 */
const ID_DATA = Buffer.from('06092a864886f70d010701', 'hex')
/** 1.2.840.113549.1.7.2 */
const ID_SIGNED_DATA = Buffer.from('06092a864886f70d010702', 'hex')
