import { type ErrorCode, MeshError } from '../core/model/errors.ts'

/**
 * The one translator of Node's errors. Ours pass through; a system error becomes the code that fits, with the
 * original as cause.
 *
 * @param action  what was tried, as the message's first part: `Cannot listen on 127.0.0.1:80`
 */
export function fromNodeError(thrown: unknown, action: string): MeshError {
  if (thrown instanceof MeshError) return thrown
  const code = (thrown as { code?: unknown } | null)?.code
  const row = typeof code === 'string' ? TABLE[code] : undefined
  if (row !== undefined) return new MeshError(row[0], `${action}: ${row[1]}`, { cause: thrown })
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  if (typeof code === 'string' && /^ERR_(SSL|TLS|HTTP2)/.test(code)) {
    return new MeshError('link-closed', `${action}: ${text}`, { cause: thrown })
  }
  return new MeshError('bug', `${action}: ${text}`, { cause: thrown })
}

const TABLE: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  EADDRINUSE: ['port-in-use', 'the port is in use by another program: choose another'],
  EADDRNOTAVAIL: ['bad-input', 'this computer has no such address'],
  EACCES: ['not-permitted', 'the operating system does not allow it to this user'],
  EPERM: ['not-permitted', 'the operating system does not allow it to this user'],
  EMFILE: ['too-many', 'too many open files: raise `ulimit -n`'],
  ENFILE: ['too-many', 'too many open files on this computer'],
  ECONNREFUSED: ['unreachable', 'nothing listens there'],
  ECONNRESET: ['link-closed', 'the other side broke the connection'],
  EPIPE: ['link-closed', 'the other side closed the connection'],
  ECONNABORTED: ['link-closed', 'the connection was given up'],
  ERR_STREAM_PREMATURE_CLOSE: ['link-closed', 'the connection ended early'],
  ERR_HTTP2_INVALID_SESSION: ['link-closed', 'the connection has ended'],
  ERR_HTTP2_GOAWAY_SESSION: ['link-closed', 'the other side is closing'],
  ERR_HTTP2_STREAM_CANCEL: ['link-closed', 'the stream was cancelled'],
  ERR_HTTP2_STREAM_ERROR: ['link-closed', 'the other side reset the stream'],
  ERR_HTTP2_SESSION_ERROR: ['link-closed', 'the connection broke'],
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: ['link-closed', 'the connection ended early'],
  ETIMEDOUT: ['timed-out', 'no answer'],
  EHOSTUNREACH: ['unreachable', 'there is no way to that computer'],
  ENETUNREACH: ['unreachable', 'there is no way to that network'],
  ENETDOWN: ['unreachable', 'the network is down'],
  ENOTFOUND: ['unreachable', 'there is no computer by that name'],
  EAI_AGAIN: ['unreachable', 'the name cannot be looked up now'],
  ENOENT: ['not-found', 'there is no such file'],
  ENOTDIR: ['not-found', 'a part of the path is no folder'],
  EEXIST: ['conflict', 'something is there already'],
  ENOTEMPTY: ['conflict', 'the folder is not empty'],
  EISDIR: ['bad-input', 'it is a folder'],
  ELOOP: ['denied', 'it is a symbolic link, and none is followed'],
  ENAMETOOLONG: ['bad-name', 'the file system takes no name that long'],
  EILSEQ: ['bad-name', 'the file system takes no such name'],
  EFBIG: ['too-large', 'the file system takes no file that large'],
  EXDEV: ['bad-input', 'it is on another disk'],
  EBUSY: ['conflict', 'another program uses it'],
  ETXTBSY: ['conflict', 'it is a program that runs'],
  ENXIO: ['bad-input', 'it is no file'],
  ENOSPC: ['storage-full', 'the disk is full'],
  EDQUOT: ['storage-full', 'the disk quota is used up'],
  EROFS: ['storage-failed', 'the file system is read-only'],
  EIO: ['storage-failed', 'the disk failed'],
  EINVAL: ['bad-input', 'the operating system does not accept that address'],
  EAFNOSUPPORT: ['unsupported', 'this computer does not speak that kind of address'],
  EPROTOTYPE: ['bad-input', 'it is a socket of another kind'],
  EMSGSIZE: ['too-large', 'the datagram is too long for the network'],
  ENOBUFS: ['too-many', 'the operating system has no room for it'],
  ENOTCONN: ['link-closed', 'the connection has ended'],
  ABORT_ERR: ['timed-out', 'given up'],
  UND_ERR_ABORTED: ['timed-out', 'given up'],
  UND_ERR_CONNECT_TIMEOUT: ['timed-out', 'no connection in time'],
  UND_ERR_SOCKET: ['link-closed', 'the other side closed the connection'],
  UND_ERR_DESTROYED: ['link-closed', 'it was closed here'],
  UND_ERR_CLOSED: ['link-closed', 'it was closed here'],
  UND_ERR_RES_EXCEEDED_MAX_SIZE: ['too-large', 'the answer is too long'],
  HPE_INVALID_CONSTANT: ['bad-message', 'the answer is not HTTP'],
  CERT_HAS_EXPIRED: ['certificate-expired', 'its certificate has ended: set the clock if that is wrong'],
  CERT_NOT_YET_VALID: [
    'certificate-expired',
    'its certificate is not valid yet: set the clock if that is wrong',
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['not-trusted', 'its certificate is signed by itself'],
  SELF_SIGNED_CERT_IN_CHAIN: ['not-trusted', 'its certificate is of an authority that is not trusted'],
  UNABLE_TO_GET_ISSUER_CERT: ['not-trusted', 'its certificate is of an authority that is not trusted'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    'not-trusted',
    'its certificate is of an authority that is not trusted',
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['not-trusted', 'its certificate is of an authority that is not trusted'],
  CERT_SIGNATURE_FAILURE: ['not-trusted', 'its certificate was changed'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['not-trusted', 'its certificate is for another name'],
}
